"""The lag of every consumer group: in offsets, in seconds, and as a status by Burrow's rules.

LagCollector reads offsets from the cluster -> group_lag computes each group's lag -> History adds
status, time lag and drain time from the last looks -> LagMetrics exports them to Prometheus.
"""

from workers.lag.worker import LagCollector, collect_lag, run_lag

__all__ = ["LagCollector", "collect_lag", "run_lag"]
