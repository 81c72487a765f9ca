"""OpenTelemetry traces: a span for each record that its writer sampled, if an endpoint is set.

The header `traceparent` (W3C Trace Context) is copied to every derived record, with or without an
endpoint; the writer of the first record decides about sampling. A span starts when its batch is
processed and ends at the commit; a batch that is retried has one span. The planner copies the
header and has no spans of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from schemas.cloudevents import TRACE_HEADER, is_sampled, traceparent
from workers.kafka.records import Record
from workers.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


class Spans:
    """The spans of a batch's sampled records, from the start of its processing to its commit."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._began = 0
        self._sampled: list[Record] = []

    def start(self, records: Sequence[Record]) -> None:
        """Note the start time and the sampled records of a batch."""
        self._began = time.time_ns()
        self._sampled = [record for record in records if is_sampled(record.headers)]

    def end(self) -> None:
        """Export the spans, with OpenTelemetry's attributes for messaging with Kafka."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        for record in self._sampled:
            parent = {TRACE_HEADER: traceparent(record.headers)}
            span = self._tracer.start_span(
                f"process {record.topic}",
                context=TraceContextTextMapPropagator().extract(parent),
                kind=SpanKind.CONSUMER,
                start_time=self._began,
                attributes={
                    "messaging.system": "kafka",
                    "messaging.operation.type": "process",
                    "messaging.destination.name": record.topic,
                    "messaging.destination.partition.id": str(record.partition),
                    "messaging.kafka.offset": record.offset,
                },
            )
            span.end()
        self._sampled = []


@contextmanager
def spans(settings: Settings, worker: str) -> Iterator[Spans | None]:
    """Yield what exports spans, None where no endpoint is set. Its end sends the last spans."""
    if settings.traces.endpoint is None:
        yield None
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(
        resource=Resource.create(
            {
                "service.namespace": "stylecast",
                "service.name": worker,
                "service.instance.id": settings.worker.instance,
            }
        )
    )
    exporter = OTLPSpanExporter(endpoint=settings.traces.endpoint)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield Spans(provider.get_tracer("stylecast"))
    finally:
        provider.shutdown()
