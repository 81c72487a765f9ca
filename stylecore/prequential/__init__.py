"""A stream of interactions in the order of time: predict the next, then learn it.

table -> stream (or simulated) -> contenders -> run -> figures.
"""
