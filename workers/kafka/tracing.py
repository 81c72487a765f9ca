"""Traces by OpenTelemetry: a span for each record that its writer sampled, when an endpoint is set.

The header `traceparent` (W3C Trace Context) is carried to whatever is derived from a record,
endpoint or not; who samples is the writer of the first record. A span begins when its batch is
taken and ends with the commit, for only then has anything happened; a batch that comes again is
one span. The planner carries traces and has no spans of its own.
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
    """Handlers whose records are traced; the same ones where no endpoint is set.

    What is left is sent when the block ends.
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
    """A handler, and spans of the records that it has committed."""

    def __init__(self, handler: Handler, tracer: Tracer) -> None:
        self.topics = handler.topics
        self._handler = handler
        self._tracer = tracer
        self._began = 0
        self._sampled: list[Record] = []

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Handed on."""
        self._handler.assigned(partitions)

    def revoked(self, partitions: Sequence[TopicPartition]) -> None:
        """Handed on."""
        self._handler.revoked(partitions)

    def process(self, records: Sequence[Record]) -> list[Output]:
        """Handed on; the time is noted."""
        self._began = time.time_ns()
        self._sampled = [record for record in records if is_sampled(record.headers)]
        return self._handler.process(records)

    def committed(self) -> None:
        """Handed on, and the spans end."""
        self._handler.committed()
        for record in self._sampled:
            self._end_span(record)
        self._sampled = []

    def aborted(self) -> None:
        """Handed on; the batch comes again."""
        self._sampled = []
        self._handler.aborted()

    def idle(self) -> list[Output]:
        """Handed on."""
        return self._handler.idle()

    def close(self) -> None:
        """Handed on."""
        self._handler.close()

    def _end_span(self, record: Record) -> None:
        """Attributes: OpenTelemetry's semantic conventions for messaging with Kafka."""
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
