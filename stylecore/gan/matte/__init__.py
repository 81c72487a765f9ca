"""Training of the matte network: photo in, alpha of the product out."""
