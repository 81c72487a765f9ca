"""What another policy would have earned, told from the log of the one that ran.

log -> targets -> weights -> terms (replay, importance, doubly_robust) -> bootstrap -> report.
"""
