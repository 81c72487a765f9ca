"""The planner: products and styles in, jobs for the missing pictures out, on Faust.

Faust is at-least-once and repeats work after a kill. Jobs are therefore idempotent: their ids
follow from their content, and a job that is sent twice is one job. One instance runs at a time.
"""

from workers.planner.worker import run_planner

__all__ = ["run_planner"]
