"""A trace that its writer samples is followed through the workers, to a collector."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from helpers import wait_until
from integration.shop import read_all, shop_fleet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schemas.cloudevents import TRACE_HEADER, trace_id, traceparent
from schemas.topics import JOBS, PRODUCTS, STYLIZED
from workers.demo.inputs import sample_products
from workers.kafka.producer import Publisher
from workers.kafka.records import output_of
from workers.kafka.topics import topic_name

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("topics")]

SAMPLED = "00-" + "a" * 32 + "-" + "1" * 16 + "-01"
NOT_SAMPLED = "00-" + "b" * 32 + "-" + "2" * 16 + "-00"


@contextmanager
def collector() -> Iterator[tuple[str, list]]:
    """A receiver of OTLP over HTTP: its address, and the spans with their resource."""
    spans: list = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding"):
                raise NotImplementedError("compressed spans")
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = {a.key: a.value.string_value for a in part.resource.attributes}
                spans.extend((resource, span) for scope in part.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/traces", spans
        finally:
            server.shutdown()
            thread.join()


def test_spans_of_sampled_records_reach_the_collector_and_the_header_goes_on(
    settings, environment, tmp_path
):
    followed, other = sample_products()[:2]
    with Publisher(settings, "/test") as publisher:
        for product, parent in ((followed, SAMPLED), (other, NOT_SAMPLED)):
            output = output_of(settings, PRODUCTS, product, source="/test", now=datetime.now(UTC))
            output.headers.append((TRACE_HEADER, parent.encode()))
            publisher.send_raw(output)
    with collector() as (endpoint, spans):
        traced = {**environment, "STYLECAST_TRACES__ENDPOINT": endpoint}
        with shop_fleet(settings, traced, tmp_path) as fleet:
            for worker in ("planner", "stylize"):
                fleet.start(worker)
            wait_until(lambda: len(drawn(settings)) == 4, 90)
        wait_until(lambda: spans)
    assert {trace_id(record.headers) for record in drawn(settings)} == {"a" * 32, "b" * 32}
    for resource, span in spans:
        assert (resource["service.name"], span.name) == (
            "stylize",
            f"process {topic_name(settings, JOBS)}",
        )
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == ("a" * 32, "1" * 16)
        assert span.end_time_unix_nano > span.start_time_unix_nano


def drawn(settings):
    return [record for record in read_all(settings, STYLIZED) if record.value is not None]


@pytest.mark.parametrize("header", [b"", b"00-xyz", b"\xff", b"00-" + b"a" * 31 + b"-1-01"])
def test_a_header_that_is_none_of_the_standard_is_no_trace(header):
    assert trace_id([(TRACE_HEADER, header)]) is None
    assert traceparent([(TRACE_HEADER, header)]) is not None
