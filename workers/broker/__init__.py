"""A real Apache Kafka on this machine, from pip packages alone, for the demo and the tests.

One KRaft node on the loopback without security; it is no cluster and keeps one copy of
everything. `keeper.py` sees to it that the broker never outlives who started it.
"""

from workers.broker.process import Broker, local_broker, run_broker_in_foreground

__all__ = ["Broker", "local_broker", "run_broker_in_foreground"]
"""What others use of this package."""
