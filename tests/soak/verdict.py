"""Whether a series is flat: its growth over the time after the warm-up, against a tolerance.

The slope is Theil and Sen's, the median of the slopes between all pairs: single peaks do not
move it. Lag has no slope of its own but a bound: but for one look in a hundred it may not be above
a few seconds of load.
"""

from __future__ import annotations

from itertools import combinations
from statistics import median
from typing import Any

from samples import Samples

WARM_UP = 0.3
"""Share of the time in which caches, pools and allocators fill."""
POINTS = 200
"""Points that the slope is taken from, evenly chosen."""
MEMORY_SHARE, MEMORY_MIB = 0.05, 12.0
"""Memory may grow by the larger of these: allocators keep what they had."""
HANDLES = 2.0
LAG_SHARE = 0.99
LAG_RECORDS, LAG_SECONDS = 20.0, 30.0
"""A group is behind by no more than the larger; seconds are those of the feedback."""


def judge(found: Samples) -> list[dict[str, Any]]:
    """A verdict for every series: growth over the judged time, tolerance, flat or not."""
    first = int(len(found.seconds) * WARM_UP)
    times = found.seconds[first:]
    verdicts = []
    for figure, by_name in found.series.items():
        for name, values in by_name.items():
            verdicts.append(_verdict(figure, name, times, values[first:], found))
    return verdicts


def growth_of(times: list[float], values: list[float]) -> float:
    """Growth over the whole time, by the median slope."""
    step = max(1, len(times) // POINTS)
    points = list(zip(times, values, strict=True))[::step]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] > a[0]]
    return median(slopes) * (times[-1] - times[0]) if slopes else 0.0


def _verdict(
    figure: str, name: str, times: list[float], values: list[float], found: Samples
) -> dict[str, Any]:
    middle = median(values)
    if figure == "lag_records":
        measure = sorted(values)[int(LAG_SHARE * (len(values) - 1))]
        rate = found.load["events"] / found.load["seconds"] if "preferences" in name else 0.0
        tolerance = max(LAG_RECORDS, LAG_SECONDS * rate)
    else:
        measure = growth_of(times, values)
        tolerance = max(MEMORY_SHARE * middle, MEMORY_MIB) if figure == "memory_mib" else HANDLES
    return {
        "figure": figure,
        "of": name,
        "median": round(middle, 1),
        "peak": round(max(values), 1),
        "measure": "99th percentile" if figure == "lag_records" else "growth",
        "value": round(measure, 2),
        "tolerance": round(tolerance, 1),
        "flat": measure <= tolerance,
    }
