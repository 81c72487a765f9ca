"""The web worker: pages for shoppers and merchandisers, and the lists as JSON.

It reads topics and the store into memory and writes events alone; it keeps nothing of a session,
so that any number of instances may stand behind one address.
"""

from workers.web.server import run_web

__all__ = ["run_web"]
