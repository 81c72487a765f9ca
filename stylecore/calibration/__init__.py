"""Chooses the gate's bounds from good renders and from renders that were broken on purpose."""
