"""Follow the lists of all shoppers. `pip install confluent-kafka`"""

import json
import os

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

topic = os.environ.get("TOPIC", "recommendations.users.v1")
consumer = Consumer(
    {
        "bootstrap.servers": os.environ["KAFKA"],
        "group.id": "storefront",  # asked for by the library; nothing is committed to it
        "enable.auto.commit": False,
        "isolation.level": "read_committed",  # lists are written in transactions
    }
)
partitions = consumer.list_topics(topic).topics[topic].partitions
# From the start, every time: what a storefront keeps in memory is gone with the process.
consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
while True:
    record = consumer.poll(1.0)
    if record is None or record.error():
        continue
    user, value = (record.key() or b"").decode(), record.value()
    if value is None:  # a tombstone: the shopper is forgotten
        print(user, "forgotten", flush=True)
        continue
    items = json.loads(value)["items"]
    if not items:
        print(user, "nothing", flush=True)
        continue
    best = items[0]
    print(user, best["product_id"], best["style_id"], best["image_uri"], flush=True)
