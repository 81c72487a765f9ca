"""What a value is wrapped in is taken off where JSON is inside, and named where it is not."""

import base64
import json

import pytest
from event_strategies import EVENTS
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import InvalidEvent, decode, decode_all
from schemas.events import Feedback, Product
from schemas.framing import unframe
from schemas.generate import FOLDER

CONFLUENT = b"\x00" + (7).to_bytes(4, "big")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def sample(event) -> bytes:
    return (FOLDER / "golden" / f"{event.__name__}.v1.json").read_bytes()


def structured(value: bytes, **changes) -> bytes:
    envelope = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "x"}
    return json.dumps(envelope | {"data": json.loads(value)} | changes).encode()


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda value: BYTE_ORDER_MARK + value,
        lambda value: CONFLUENT + value,
        structured,
        lambda value: structured(
            b"0", data_base64=base64.b64encode(value).decode(), data=None
        ).replace(b'"data": null', b'"x": 1'),
        lambda value: BYTE_ORDER_MARK + structured(value),
        lambda value: CONFLUENT + structured(value),
    ],
    ids=["bom", "confluent", "structured", "base64", "bom structured", "confluent structured"],
)
def test_a_wrapped_event_is_the_plain_event(event, wrap):
    plain = decode(event, sample(event))
    assert decode(event, wrap(sample(event))) == plain
    assert decode_all(event, [sample(event), wrap(sample(event))]) == [plain, plain]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (CONFLUENT + b"\x06ada\x02", "Confluent schema-registry framing, schema id 7, with Avro"),
        (CONFLUENT + b"\x06ada\x02", "publish plain JSON or register the JSON serialiser"),
        (CONFLUENT + b'{"product_id": "a"}', "schema id 7 is read, but its data is not a valid"),
        (b"\x03\x00" + bytes(range(16)) + b"\x02a", "AWS Glue schema-registry framing"),
        (structured(b'{"title": "a"}'), "structured mode is read, but its data is not a valid"),
        (structured(b'{"title": "a"}'), "missing required field `product_id`"),
        (b'{"specversion": "1.0", "id": "1"}', "CloudEvents structured mode: it has no data"),
        (b'{"specversion": "1.0", "data_base64": "?"}', "its data_base64 is not base64"),
        ('{"product_id": "a"}'.encode("utf-16"), "UTF-16"),
        (b"Obj\x01\x04", "an Avro container file"),
        (b"\x1f\x8b\x08", "a value compressed with gzip: compress by the producer"),
        (BYTE_ORDER_MARK + b"{}", "^not a valid Product: .*missing required field"),
        (BYTE_ORDER_MARK * 100_000 + b"{}", "not JSON"),
        (b"\x00", "not JSON"),
        (b"{}", "^not a valid Product"),
    ],
)
def test_what_cannot_be_read_is_named(value, words):
    with pytest.raises(InvalidEvent, match=words):
        decode(Product, value)


@given(st.binary(max_size=60))
def test_any_bytes_are_an_event_or_invalid(value):
    unframe(value)
    with pytest.raises(InvalidEvent):
        decode(Feedback, value)
