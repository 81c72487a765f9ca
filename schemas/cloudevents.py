"""CloudEvents 1.0 in Kafka binary mode: the headers that go with an event's JSON.

Written by every producer of ours; a record without them is read all the same, for kcat and
older publishers send none. Spec: CloudEvents Kafka Protocol Binding 1.0.2, section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

Headers = list[tuple[str, bytes]]

TRACE_HEADER = "traceparent"


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
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_type", event_type_name(event_type).encode()),
        ("ce_source", source.encode()),
        ("ce_time", at.isoformat().replace("+00:00", "Z").encode()),
        ("content-type", b"application/json"),
    ]
    if traceparent is not None:
        headers.append((TRACE_HEADER, traceparent))
    return headers


def header(headers: Iterable[tuple[str, bytes | None]] | None, name: str) -> bytes | None:
    """The last value of the header, or None."""
    found = None
    for key, value in headers or ():
        if key == name:
            found = value
    return found
