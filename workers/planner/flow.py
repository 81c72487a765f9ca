"""The flow of records to Faust's agents, without the hole that Faust 0.15 leaves after a restore.

A restore resumes the flow, for the changelogs are read through it. When all is restored Faust goes
back to the committed offsets and resumes the flow once more, which empties the agents' queues: what
was read between the two is dropped, and nobody reads it again before the next restart. On a busy
machine that is every other restart.
"""

from __future__ import annotations

from mode.utils.queues import FlowControlEvent


class OpenFlow(FlowControlEvent):  # type: ignore[misc]  # Faust is not typed
    """Empties the queues when it begins to flow, and not when it flows already."""

    def resume(self) -> None:
        """Let records through; those that came while it was suspended belong to nobody."""
        if not self.is_active():
            super().resume()
