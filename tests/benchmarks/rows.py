"""A row of `bench.json`: ours beside the baseline of the same run."""

from __future__ import annotations

Row = dict[str, object]


def row(
    name: str,
    value: float,
    unit: str,
    baseline: str,
    baseline_value: float,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    **more: object,
) -> Row:
    """The figure with its ratio to the baseline, and whether the ratio keeps its goal."""
    ratio = value / baseline_value
    goal = at_most if at_least is None else at_least
    holds = None if goal is None else (ratio >= goal if at_least is not None else ratio <= goal)
    return {
        "name": name,
        "value": round(value, 4),
        "unit": unit,
        "baseline": baseline,
        "baseline_value": round(baseline_value, 4),
        "ratio": round(ratio, 3),
        **more,
        "goal": goal,
        "holds": holds,
        "command": f"make bench ONLY={name}",
    }
