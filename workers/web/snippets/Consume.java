// Follow the lists of all shoppers. org.apache.kafka:kafka-clients and
// com.fasterxml.jackson.core:jackson-databind

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Consume {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", System.getenv("KAFKA"),
            "group.id", System.getenv().getOrDefault("GROUP", "storefront"),
            "isolation.level", "read_committed", // lists are written in transactions
            "auto.offset.reset", "earliest");
        var text = new StringDeserializer();
        try (var consumer = new KafkaConsumer<>(settings, text, text)) {
            String topic = System.getenv().getOrDefault("TOPIC", "recommendations.users.v1");
            consumer.subscribe(List.of(topic));
            var json = new ObjectMapper();
            while (true) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    if (record.value() == null) { // a tombstone: the shopper is forgotten
                        System.out.println(record.key() + " forgotten");
                        continue;
                    }
                    JsonNode best = json.readTree(record.value()).get("items").get(0);
                    System.out.println(String.join(" ", record.key(), best.get("product_id").asText(),
                        best.get("style_id").asText(), best.get("image_uri").asText()));
                }
            }
        }
    }
}
