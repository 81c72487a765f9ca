"""Trains the product's own feature network (stylecore/rendering/features.py serves it)."""
