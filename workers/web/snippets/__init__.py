"""Snippets for developers of a storefront, shown as they stand; each runs by itself."""
