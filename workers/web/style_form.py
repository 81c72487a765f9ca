"""The mixer's form to a style: a blend or a reference, colours, a campaign.

Names of fields: `share.<style>` 0 to 100, `strength` 0 to 100, `seed`, `palette`, `reference_uri`,
`keep_product_colour`, `style_id`, `label`, `categories`, `starts_at`, `ends_at`, `priority`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, TypeVar

import msgspec

from schemas.codec import InvalidEvent, decode
from schemas.events import Style, StyleDefinition
from stylecore.errors import SettingsError
from stylecore.palette import parse_palette
from workers.web.site import WrongInput

SHARE = "share."
FULL = 100

Event = TypeVar("Event", bound=msgspec.Struct)


def definition_of(form: Mapping[str, str], uploads: str) -> StyleDefinition:
    """How the style is drawn; a reference must lie under `uploads`. Raises WrongInput."""
    return _checked(_drawn(form, uploads), StyleDefinition)


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
    return _checked(fields, Style)


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
            raise WrongInput(str(problem)) from problem
    reference = form.get("reference_uri", "")
    if reference:
        if not reference.startswith(uploads):
            raise WrongInput("reference_uri: only a picture that was uploaded here can be named")
        fields["reference_uri"] = reference
    else:
        fields["weights"] = _shares(form)
    return fields


def _shares(form: Mapping[str, str]) -> dict[str, float]:
    given = {
        name.removeprefix(SHARE): _number(share)
        for name, share in form.items()
        if name.startswith(SHARE)
    }
    shares = {name: share for name, share in given.items() if share > 0}
    if not shares:
        raise WrongInput("a style needs a share of at least one style, or a reference picture")
    total = sum(shares.values())
    return {name: round(share / total, 4) for name, share in shares.items()}


def _number(text: str | float) -> float:
    try:
        number = float(text)
    except ValueError as problem:
        raise WrongInput(f"{text!r} is no number") from problem
    if not isfinite(number):
        raise WrongInput(f"{text!r} is no number")
    return number


def _time(text: str) -> datetime:
    """A form's `2026-12-01T09:00`, which is in UTC."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as problem:
        raise WrongInput("a campaign needs both times, as in 2026-12-01T09:00") from problem


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _checked(fields: dict[str, Any], event: type[Event]) -> Event:
    try:
        return decode(event, msgspec.json.encode(fields))
    except InvalidEvent as problem:
        raise WrongInput(str(problem)) from problem
