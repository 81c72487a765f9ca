"""Kafka by itself: clients, transactions, the loop of a worker, dead letters, topics and rights."""
