"""Bytes by address: the store of renders, its sidecars and its pruning, and fetched photos."""
