"""The product logic: pictures, generator, gate, recommender. Knows no Kafka and no environment."""
