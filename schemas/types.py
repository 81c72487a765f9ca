"""The limited types of which events are made: ids, addresses, shares, times, colours.

A limit stands here once, travels into JSON Schema, and is checked when a record is decoded.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

_PRINTABLE = r"[^/\x00-\x1f\x7f-\x9f\u2028\u2029]+$(?![\s\S])"
ID_PATTERN = r"^(?!\*$)(?!\.{1,2}$)" + _PRINTABLE
SHOPPER_PATTERN = r"^(?!\.{1,2}$)" + _PRINTABLE
COLOUR_PATTERN = r"^#[0-9a-fA-F]{6}$(?![\s\S])"
SHA256_PATTERN = r"^[0-9a-f]{64}$(?![\s\S])"

PATTERNS_IN_WORDS = {
    ID_PATTERN: "an id of 1 to 200 printable characters without '/', and not '*', '.' or '..'",
    SHOPPER_PATTERN: "a user id of 1 to 200 printable characters without '/', or '*'",
    COLOUR_PATTERN: "a colour as '#rrggbb'",
    SHA256_PATTERN: "a sha256 of 64 lower-case hexadecimal digits",
}

Id = Annotated[str, Meta(min_length=1, max_length=200, pattern=ID_PATTERN)]
TakenId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        description="An id that was checked when its event was taken.",
    ),
]
"""In states: to look for the pattern again would take three quarters of restoring them."""
ShopperId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=SHOPPER_PATTERN,
        description="A user id, or * for the list of a shopper whom nobody knows.",
    ),
]
Text = Annotated[str, Meta(max_length=500)]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Uri = Annotated[str, Meta(min_length=1, max_length=2000)]
Sha256 = Annotated[str, Meta(pattern=SHA256_PATTERN)]
Colour = Annotated[str, Meta(pattern=COLOUR_PATTERN)]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217")]
MinorUnits = Annotated[int, Meta(ge=0, le=10**12, description="Money in minor units.")]
Share = Annotated[float, Meta(ge=0, le=1)]
Propensity = Annotated[float, Meta(gt=0, le=1)]
Weight = Annotated[float, Meta(gt=0, le=1e6)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]
Pixels = Annotated[int, Meta(ge=1, le=100_000)]
Count = Annotated[int, Meta(ge=0, lt=2**53)]
Time = Annotated[datetime, Meta(tz=True, description="RFC 3339 in UTC.")]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
