// Follow the lists of all shoppers. org.apache.kafka:kafka-clients and
// com.fasterxml.jackson.core:jackson-databind

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Consume {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", System.getenv("KAFKA"),
            "isolation.level", "read_committed"); // lists are written in transactions
        var text = new StringDeserializer();
        var json = new ObjectMapper();
        try (var consumer = new KafkaConsumer<>(settings, text, text)) {
            String topic = System.getenv().getOrDefault("TOPIC", "recommendations.users.v1");
            var partitions = consumer.partitionsFor(topic).stream()
                .map(found -> new TopicPartition(topic, found.partition())).toList();
            consumer.assign(partitions); // without a group
            // From the start, every time: what a storefront keeps in memory is gone with the process.
            consumer.seekToBeginning(partitions);
            while (true) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    if (record.value() == null) { // a tombstone: the shopper is forgotten
                        System.out.println(record.key() + " forgotten");
                        continue;
                    }
                    JsonNode items = json.readTree(record.value()).get("items");
                    if (items.isEmpty()) {
                        System.out.println(record.key() + " nothing");
                        continue;
                    }
                    JsonNode best = items.get(0);
                    System.out.println(String.join(" ", record.key(), best.get("product_id").asText(),
                        best.get("style_id").asText(), best.get("image_uri").asText()));
                }
            }
        }
    }
}
