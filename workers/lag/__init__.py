"""How far every group is behind: in offsets, in seconds, and by Burrow's words.

collector asks the cluster -> group_lag says what the numbers mean -> history remembers the last looks
and from them adds status, time lag and the time to be caught up -> metrics.
"""

from workers.lag.worker import LagCollector, collect_lag, run_lag

__all__ = ["LagCollector", "collect_lag", "run_lag"]
