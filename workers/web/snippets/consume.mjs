// Follow the lists of all shoppers. npm install @platformatic/kafka

import {
  Consumer, FetchIsolationLevels, MessagesStreamFallbackModes, MessagesStreamModes, stringDeserializers,
} from "@platformatic/kafka";

const consumer = new Consumer({
  clientId: "storefront",
  groupId: process.env.GROUP ?? "storefront",
  bootstrapBrokers: [process.env.KAFKA],
  deserializers: stringDeserializers,
});
const stream = await consumer.consume({
  topics: [process.env.TOPIC ?? "recommendations.users.v1"],
  isolationLevel: FetchIsolationLevels.READ_COMMITTED, // lists are written in transactions
  mode: MessagesStreamModes.COMMITTED,
  fallbackMode: MessagesStreamFallbackModes.EARLIEST,
});
for await (const { key: user, value } of stream) {
  if (!value) { // a tombstone: the shopper is forgotten
    console.log(user, "forgotten");
    continue;
  }
  const [best] = JSON.parse(value).items;
  console.log(user, best.product_id, best.style_id, best.image_uri);
}
