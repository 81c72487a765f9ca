"""Kafka: clients, transactions, the workers' loop, dead letters, topics and access rights."""
