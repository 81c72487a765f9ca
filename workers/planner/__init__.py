"""The planner: products and styles in, jobs for the missing pictures out, on Faust.

Faust is at-least-once and repeats what it did before a kill, so nothing here counts: ids follow
from content, and an order that is sent twice is one order. One instance runs at a time.
"""

from workers.planner.worker import run_planner

__all__ = ["run_planner"]
"""What others use of this package."""
