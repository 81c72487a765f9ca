"""Follow the lists of all shoppers. `pip install confluent-kafka`"""

import json
import os

from confluent_kafka import Consumer

consumer = Consumer(
    {
        "bootstrap.servers": os.environ["KAFKA"],
        "group.id": os.environ.get("GROUP", "storefront"),
        "isolation.level": "read_committed",  # lists are written in transactions
        "auto.offset.reset": "earliest",
    }
)
consumer.subscribe([os.environ.get("TOPIC", "recommendations.users.v1")])
while True:
    record = consumer.poll(1.0)
    if record is None or record.error():
        continue
    user, value = (record.key() or b"").decode(), record.value()
    if value is None:  # a tombstone: the shopper is forgotten
        print(user, "forgotten", flush=True)
        continue
    shelf = json.loads(value)
    best = shelf["items"][0]
    print(user, best["product_id"], best["style_id"], best["image_uri"], flush=True)
