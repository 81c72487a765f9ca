// Follow the lists of all shoppers. npm install @platformatic/kafka

import { randomUUID } from "node:crypto";
import { Consumer, FetchIsolationLevels, MessagesStreamModes, stringDeserializers } from "@platformatic/kafka";

const consumer = new Consumer({
  clientId: "storefront",
  groupId: `storefront-${randomUUID()}`, // of this process alone: it reads every partition
  bootstrapBrokers: [process.env.KAFKA],
  deserializers: stringDeserializers,
});
const stream = await consumer.consume({
  topics: [process.env.TOPIC ?? "recommendations.users.v1"],
  isolationLevel: FetchIsolationLevels.READ_COMMITTED, // lists are written in transactions
  // From the start, every time: what a storefront keeps in memory is gone with the process.
  mode: MessagesStreamModes.EARLIEST,
  autocommit: false,
});
for await (const { key: user, value } of stream) {
  if (!value) { // a tombstone: the shopper is forgotten
    console.log(user, "forgotten");
    continue;
  }
  const { items: [best] } = JSON.parse(value);
  if (!best) {
    console.log(user, "nothing");
    continue;
  }
  console.log(user, best.product_id, best.style_id, best.image_uri);
}
