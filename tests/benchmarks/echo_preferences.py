"""A process that answers each action with a record that only names it: no state, nothing computed.

What is left of the way from click to list when the preferences worker does nothing: a transactional
consumer and producer, batches as they lie there. Run as a process with the worker's settings.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2])]

import msgspec  # noqa: E402

from schemas.events import Feedback  # noqa: E402
from schemas.topics import FEEDBACK, RECOMMENDATIONS  # noqa: E402
from workers.kafka.clients import group_consumer, transactional_producer  # noqa: E402
from workers.kafka.topics import topic_name  # noqa: E402
from workers.settings import load_settings  # noqa: E402

GROUP = "preferences-echo"
WAIT_SECONDS, GATHER_SECONDS = 0.1, 0.002


def main() -> None:
    """Answer until SIGTERM."""
    settings = load_settings()
    decoder = msgspec.json.Decoder(Feedback)
    producer = transactional_producer(settings, GROUP)
    producer.init_transactions(30)
    consumer = group_consumer(settings, GROUP)
    consumer.subscribe([topic_name(settings, FEEDBACK)])
    answers = topic_name(settings, RECOMMENDATIONS)
    while True:
        metadata = consumer.consumer_group_metadata()
        messages = consumer.consume(1, WAIT_SECONDS)
        if not messages:
            continue
        messages += consumer.consume(settings.preferences.batch_records, GATHER_SECONDS)
        producer.begin_transaction()
        for message in messages:
            event = decoder.decode(message.value())
            if event.kind != "impression":
                value = {"user_id": event.user_id, "caused_by": event.event_id}
                producer.produce(answers, key=message.key(), value=msgspec.json.encode(value))
        offsets = [place for place in consumer.position(consumer.assignment()) if place.offset > 0]
        producer.send_offsets_to_transaction(offsets, metadata, 30)
        producer.commit_transaction(30)


if __name__ == "__main__":
    main()
