"""CloudEvents 1.0 in Kafka binary mode: the headers that go with an event's JSON.

Written by every producer of ours; a record without them is read all the same, for kcat and
older publishers send none. Spec: CloudEvents Kafka Protocol Binding 1.0.2, section 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

import msgspec

Headers = list[tuple[str, bytes]]

TRACE_HEADER = "traceparent"
TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})")


def event_type_name(event_type: type[msgspec.Struct]) -> str:
    """`com.stylecast.<event>.v1`."""
    return f"com.stylecast.{event_type.__name__.lower()}.v1"


def headers_of(
    event_type: type[msgspec.Struct],
    *,
    event_id: str,
    source: str,
    at: datetime,
    traceparent: bytes | None = None,
) -> Headers:
    """The headers of one record; `at` is the event's time, in UTC."""
    headers = shared_headers(event_type, source=source, at=at)
    headers.append(("ce_id", event_id.encode()))
    if traceparent is not None:
        headers.append((TRACE_HEADER, traceparent))
    return headers


def shared_headers(event_type: type[msgspec.Struct], *, source: str, at: datetime) -> Headers:
    """Those that events of one type, source and time have in common: all but id and trace."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", event_type_name(event_type).encode()),
        ("ce_source", source.encode()),
        ("ce_time", at.isoformat().replace("+00:00", "Z").encode()),
        ("content-type", b"application/json"),
    ]


def header(headers: Iterable[tuple[str, bytes | None]] | None, name: str) -> bytes | None:
    """The last value of the header, or None."""
    found = None
    for key, value in headers or ():
        if key == name:
            found = value
    return found


def traceparent(headers: Iterable[tuple[str, bytes | None]] | None) -> str:
    """The trace header's text (W3C Trace Context, section 3.2), '' where there is none."""
    return (header(headers, TRACE_HEADER) or b"").decode("ascii", "replace")


def trace_id(headers: Iterable[tuple[str, bytes | None]] | None) -> str | None:
    """The trace that a record belongs to, 32 hexadecimal digits (section 3.2.2.3)."""
    found = TRACEPARENT.fullmatch(traceparent(headers))
    return found[1] if found else None


def is_sampled(headers: Iterable[tuple[str, bytes | None]] | None) -> bool:
    """Whether the writer keeps the trace: the lowest bit of the flags (section 3.2.2.5.1)."""
    found = TRACEPARENT.fullmatch(traceparent(headers))
    return found is not None and bool(int(found[2], 16) & 1)
