"""The mixer's form to a style: a blend or a reference, colours, a campaign.

Names of fields: `share.<style>` 0 to 100, `strength` 0 to 100, `seed`, `palette`, `reference_uri`,
`keep_product_colour`, `style_id`, `label`, `categories`, `starts_at`, `ends_at`, `priority`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from schemas.events import Style, StyleDefinition
from stylecore.errors import SettingsError
from stylecore.imaging.palette import parse_palette
from workers.web.forms import checked, marked
from workers.web.problems import WrongInput

SHARE = "share."
FULL = 100


def definition_of(form: Mapping[str, str], uploads: str) -> StyleDefinition:
    """How the style is drawn; a reference must lie under `uploads`. Raises WrongInput."""
    return checked(_drawn(form, uploads), StyleDefinition)


def style_of(form: Mapping[str, str], uploads: str) -> Style:
    """The whole style. Raises WrongInput with what is wrong."""
    fields = _drawn(form, uploads)
    fields["style_id"], fields["label"] = form.get("style_id", ""), form.get("label", "")
    fields["categories"] = _parts(form.get("categories", ""))
    if form.get("starts_at") or form.get("ends_at"):
        fields["campaign"] = {
            "starts_at": _time(form.get("starts_at", "")),
            "ends_at": _time(form.get("ends_at", "")),
            "priority": int(_number(form.get("priority") or 0)),
        }
    return checked(fields, Style)


def _drawn(form: Mapping[str, str], uploads: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "strength": _number(form.get("strength") or FULL) / FULL,
        "seed": int(_number(form.get("seed") or 0)),
        "keep_product_colour": bool(form.get("keep_product_colour")),
    }
    if palette := form.get("palette", "").strip():
        try:
            fields["palette"] = parse_palette(palette)
        except SettingsError as problem:
            raise WrongInput("wrong.detail", detail=problem) from problem
    reference = form.get("reference_uri", "")
    if reference:
        if not reference.startswith(uploads):
            raise WrongInput("wrong.reference")
        fields["reference_uri"] = reference
    else:
        fields["weights"] = _shares(form)
    return fields


def _shares(form: Mapping[str, str]) -> dict[str, float]:
    given = {name: _number(share) for name, share in marked(form, SHARE).items()}
    shares = {name: share for name, share in given.items() if share > 0}
    if not shares:
        raise WrongInput("wrong.shares")
    total = sum(shares.values())
    return {name: round(share / total, 4) for name, share in shares.items()}


def _number(text: str | float) -> float:
    try:
        number = float(text)
    except ValueError as problem:
        raise WrongInput("wrong.number", text=text) from problem
    if not isfinite(number):
        raise WrongInput("wrong.number", text=text)
    return number


def _time(text: str) -> datetime:
    """A form's `2026-12-01T09:00`, which is in UTC unless it names its own offset."""
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise WrongInput("wrong.times") from problem


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
