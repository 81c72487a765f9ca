"""What is called delivered is there, also where a partition's leader is only just coming up.

With several requests in flight librdkafka 2.16 loses a record in one of ten such topics.
"""

import threading

import pytest
from confluent_kafka.admin import NewTopic

from workers.kafka.admin import admin_client
from workers.kafka.clients import producer
from workers.kafka.table import TableReader, partitions_of_names

pytestmark = pytest.mark.integration

TOPICS, PARTITIONS, ROUNDS = 12, 20, 25


def test_every_record_told_as_delivered_can_be_read(settings, prefix):
    admin = admin_client(settings)
    names = [f"{prefix}new-{number}" for number in range(TOPICS)]
    for name in names:
        sender = producer(settings)
        sender.list_topics(timeout=30)
        delivered = []

        def told(error, message, delivered=delivered):
            delivered.append(error is None and message.offset() is not None)

        admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
        for _ in range(ROUNDS):
            for partition in range(PARTITIONS):
                sender.produce(name, value=b"", partition=partition, on_delivery=told)
            sender.poll(0.004)
        sender.flush(60)
        reader = TableReader(settings, partitions_of_names(settings, [name]))
        found = sum(1 for _ in reader.read_to_end(threading.Event()))
        reader.close()
        assert (found, delivered.count(True)) == (PARTITIONS * ROUNDS, PARTITIONS * ROUNDS)
    for deleted in admin.delete_topics(names).values():
        deleted.result(60)
