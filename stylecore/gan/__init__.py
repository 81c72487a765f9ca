"""Training and export of the generator: the only package that imports torch."""
