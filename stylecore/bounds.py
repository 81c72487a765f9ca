"""Bounds of the gate's figures: a style's own, a blend's, a reference's, and the verdict by them.

Of identity, structure, style and visibility more is better and a bound is the least; of background,
a distance, less is better and a bound is the most. A figure without a bound, or that was not
measured, judges nothing. How the figures come about is the gate's business (gate.py), how the
bounds do the
calibration's (calibration/).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from schemas.events import Quality, RejectionReason

FIGURES = ("identity", "structure", "style", "background", "visibility")
SMALLER_IS_BETTER = frozenset({"background"})


class Bounds(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The bound of each figure of `Quality` with which a render is published."""

    identity: float | None = None
    structure: float | None = None
    style: float | None = None
    background: float | None = None
    visibility: float | None = None


def judge(quality: Quality, bounds: Bounds) -> list[RejectionReason]:
    """The figures that miss their bound; none when the render may be published."""
    found = ((name, getattr(quality, name), getattr(bounds, name)) for name in FIGURES)
    return [
        RejectionReason(figure=name, value=value, bound=bound)
        for name, value, bound in found
        if value is not None and bound is not None and misses(name, value, bound)
    ]


def misses(figure: str, value: float, bound: float) -> bool:
    """Whether the value is on the wrong side of the bound."""
    return value > bound if figure in SMALLER_IS_BETTER else value < bound


def rounded_apart(value: float, bound: float) -> tuple[str, str]:
    """Both in words, with as many digits, two at least, as it takes to see them apart."""
    digits = 2
    while digits < 16 and f"{value:.{digits}f}" == f"{bound:.{digits}f}" and value != bound:
        digits += 1
    return f"{value:.{digits}f}", f"{bound:.{digits}f}"


def blended(parts: Sequence[tuple[float, Bounds]]) -> Bounds:
    """The share-weighted mean of (share, bounds); a part without a bound does not count in it."""
    return Bounds(**{name: _mean(name, parts) for name in FIGURES})


def loosest(parts: Iterable[Bounds]) -> Bounds:
    """Of each figure the bound that lets most pass; none where a part has none."""
    bounds = list(parts)
    return Bounds(**{name: _loosest(name, bounds) for name in FIGURES})


def overridden(bounds: Bounds, by: Bounds) -> Bounds:
    """The bounds, but those of `by` where it has any."""
    own = {name: getattr(by, name) for name in FIGURES if getattr(by, name) is not None}
    return msgspec.structs.replace(bounds, **own)


def _mean(name: str, parts: Sequence[tuple[float, Bounds]]) -> float | None:
    known = [(share, getattr(bounds, name)) for share, bounds in parts]
    counted = [(share, bound) for share, bound in known if bound is not None]
    total = sum(share for share, _ in counted)
    return sum(share * bound for share, bound in counted) / total if total > 0 else None


def _loosest(name: str, parts: Sequence[Bounds]) -> float | None:
    known = [getattr(bounds, name) for bounds in parts]
    if not known or None in known:
        return None
    return float(max(known) if name in SMALLER_IS_BETTER else min(known))
