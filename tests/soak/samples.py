"""What is sampled of the processes and the groups, a list a series, in step with `seconds`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import psutil

from stylecore.errors import Transient
from workers.lag import collect_lag
from workers.settings import Settings

MEBIBYTE = 2**20


@dataclass
class Samples:
    """Series by figure (memory_mib, files, threads, lag_records) and then by worker or group."""

    pids: dict[str, int]
    seconds: list[float] = field(default_factory=list)
    series: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    load: dict[str, float] = field(default_factory=dict)

    def take(self, settings: Settings, seconds: float) -> None:
        """One sample of everything; a look at the lag that fails leaves this sample out."""
        try:
            lags = {group.group: float(group.lag) for group in collect_lag(settings)}
        except Transient:
            return
        self.seconds.append(round(seconds, 1))
        for worker, pid in self.pids.items():
            process = psutil.Process(pid)
            children = process.children(recursive=True)
            everyone = [process, *children]
            self._add("memory_mib", worker, sum(p.memory_info().rss for p in everyone) / MEBIBYTE)
            self._add("files", worker, sum(p.num_fds() for p in everyone))
            self._add("threads", worker, sum(p.num_threads() for p in everyone))
        for group, lag in lags.items():
            self._add("lag_records", group, lag)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"load": self.load, "seconds": self.seconds, "series": self.series}

    def _add(self, figure: str, name: str, value: float) -> None:
        self.series[figure][name].append(round(value, 2))
