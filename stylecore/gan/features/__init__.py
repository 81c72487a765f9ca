"""Trains the product's own feature network (stylecore/features.py serves it)."""
