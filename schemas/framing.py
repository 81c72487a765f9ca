"""What a record's value is wrapped in when it is not plain JSON.

A wrapping that holds JSON is taken off; any other is named, with what the publisher can do.
Confluent's wire format is a zero byte and a schema id of 4 bytes, big-endian; AWS Glue's begins
with version 3, a compression byte and the schema version's UUID of 16 bytes. CloudEvents
structured mode is section 3.3 of its Kafka Protocol Binding 1.0.2, data_base64 section 3.1.1 of
its JSON Format.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from uuid import UUID

import msgspec

PLAIN_JSON = "publish plain JSON in UTF-8"
COMPRESSION = "compress by the producer (compression.type)"
CONFLUENT_HEADER = 5
GLUE_HEADER = 18
GLUE_VERSION = 3
GLUE_COMPRESSION = (0, 5)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SIGNATURES = (
    (b"\xff\xfe", "text in UTF-16", PLAIN_JSON),
    (b"\xfe\xff", "text in UTF-16", PLAIN_JSON),
    (b"Obj\x01", "an Avro container file", PLAIN_JSON),
    (b"\x1f\x8b", "a value compressed with gzip", COMPRESSION),
    (b"\x28\xb5\x2f\xfd", "a value compressed with zstd", COMPRESSION),
    (b"\x04\x22\x4d\x18", "a value compressed with lz4", COMPRESSION),
    (b"PK\x03\x04", "a zip archive", PLAIN_JSON),
)


class Framing(msgspec.Struct, frozen=True):
    """A wrapping by name ("" for a byte-order mark, which needs no mention).

    `payload` is the JSON within, or None with `advice` in its place.
    """

    name: str
    payload: bytes | None = None
    advice: str = PLAIN_JSON


class _Envelope(msgspec.Struct):
    """A CloudEvent in structured mode, as far as it matters here."""

    specversion: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data_base64: str | msgspec.UnsetType = msgspec.UNSET


_envelope = msgspec.json.Decoder(_Envelope)


def unframe(value: bytes) -> Framing | None:
    """The wrapping of a value that is no plain event; None where there is none that is known."""
    rest = value.removeprefix(BYTE_ORDER_MARK)
    found = _unframe(rest)
    if found is None and rest is not value:
        return Framing("", rest)
    return found


def _unframe(value: bytes) -> Framing | None:
    if value[:1] == b"\x00" and len(value) > CONFLUENT_HEADER:
        return _confluent(value)
    if len(value) > GLUE_HEADER and value[0] == GLUE_VERSION and value[1] in GLUE_COMPRESSION:
        name = (
            f"AWS Glue schema-registry framing, schema version {UUID(bytes=value[2:GLUE_HEADER])}"
        )
        return Framing(name)
    for signature, name, advice in SIGNATURES:
        if value.startswith(signature):
            return Framing(name, advice=advice)
    return _structured(value)


def _confluent(value: bytes) -> Framing:
    """JSON follows where the JSON Schema serializer wrote it; Avro and Protobuf never look so."""
    schema_id = int.from_bytes(value[1:CONFLUENT_HEADER], "big")
    name = f"Confluent schema-registry framing, schema id {schema_id}"
    rest = value[CONFLUENT_HEADER:]
    if rest.lstrip().startswith(b"{"):
        return _structured(rest) or Framing(name, rest)
    return Framing(
        f"{name}, with Avro or Protobuf inside",
        advice="publish plain JSON or register the JSON serialiser",
    )


def _structured(value: bytes) -> Framing | None:
    name = "CloudEvents structured mode"
    try:
        envelope = _envelope.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(envelope.data, msgspec.Raw):
        return Framing(name, bytes(envelope.data))
    if isinstance(envelope.data_base64, str):
        try:
            return Framing(name, b64decode(envelope.data_base64, validate=True))
        except (binascii.Error, ValueError):
            return Framing(name, advice="its data_base64 is not base64")
    return Framing(name, advice="it has no data: put the event there")
