"""OpenTelemetry traces: a span for each record that its writer sampled, if an endpoint is set.

The header `traceparent` (W3C Trace Context) is copied to every derived record, with or without an
endpoint; the writer of the first record decides about sampling. A span starts when its batch is
processed and ends at the commit; a batch that is retried has one span. The planner copies the
header and has no spans of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import TopicPartition

from schemas.cloudevents import TRACE_HEADER, is_sampled, traceparent
from workers.kafka.assignment import Handler
from workers.kafka.records import Output, Record
from workers.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

MakeHandler = Callable[[], Handler]


@contextmanager
def traced(settings: Settings, worker: str, make_handler: MakeHandler) -> Iterator[MakeHandler]:
    """Yield a function that makes traced handlers, or `make_handler` where no endpoint is set.

    The end of the block sends the last spans.
    """
    if settings.traces.endpoint is None:
        yield make_handler
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
    tracer = provider.get_tracer("stylecast")
    try:
        yield lambda: TracedHandler(make_handler(), tracer)
    finally:
        provider.shutdown()


class TracedHandler(Handler):
    """A handler whose committed records have spans."""

    def __init__(self, handler: Handler, tracer: Tracer) -> None:
        self.topics = handler.topics
        self._handler = handler
        self._tracer = tracer
        self._began = 0
        self._sampled: list[Record] = []

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Pass on."""
        self._handler.assigned(partitions)

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Pass on."""
        self._handler.revoked(partitions)

    def process(self, records: Sequence[Record]) -> list[Output]:
        """Process, and note the start time and the sampled records."""
        self._began = time.time_ns()
        self._sampled = [record for record in records if is_sampled(record.headers)]
        return self._handler.process(records)

    def committed(self) -> None:
        """Pass on, and end the spans."""
        self._handler.committed()
        for record in self._sampled:
            self._end_span(record)
        self._sampled = []

    def aborted(self) -> None:
        """Pass on, and drop the spans."""
        self._sampled = []
        self._handler.aborted()

    def idle(self) -> list[Output]:
        """Pass on."""
        return self._handler.idle()

    def close(self) -> None:
        """Pass on."""
        self._handler.close()

    def _end_span(self, record: Record) -> None:
        """Export a span with OpenTelemetry's attributes for messaging with Kafka."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        parent = TraceContextTextMapPropagator().extract(
            {TRACE_HEADER: traceparent(record.headers)}
        )
        span = self._tracer.start_span(
            f"process {record.topic}",
            context=parent,
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
