"""Advertisements: a render, a headline, a price and a logo set on a canvas of a given size."""
