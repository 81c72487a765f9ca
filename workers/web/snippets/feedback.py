"""Publish a click on the first place of a list. `pip install confluent-kafka`"""

import json
import os
import sys
import urllib.request
import uuid
from datetime import UTC, datetime

from confluent_kafka import Producer

user, shop = sys.argv[1], os.environ["SHOP"]  # ada http://127.0.0.1:8080
address = f"{shop}/v1/shoppers/{user}/recommendations"
token = os.environ.get("TOKEN")  # where the pages are behind one
headers = {"Authorization": f"Bearer {token}"} if token else {}
request = urllib.request.Request(address, headers=headers)  # noqa: S310
with urllib.request.urlopen(request) as answer:  # noqa: S310
    shelf = json.load(answer)
if not shelf["items"]:
    sys.exit(f"the list of {user} is empty")
best = shelf["items"][0]
click = {
    "event_id": str(uuid.uuid4()),
    "user_id": user,
    "kind": "click",
    "product_id": best["product_id"],
    "style_id": best["style_id"],
    "occurred_at": datetime.now(UTC).isoformat(),
    "recommendation_id": shelf["recommendation_id"],
    "position": 0,
    "propensity": best["propensity"],
    "policy": shelf["policy"],
}
producer = Producer({"bootstrap.servers": os.environ["KAFKA"], "partitioner": "murmur2_random"})
topic = os.environ.get("TOPIC", "feedback.events.v1")
producer.produce(topic, key=user, value=json.dumps(click))
if producer.flush(30):
    sys.exit("Kafka does not answer")
