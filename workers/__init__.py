"""The processes: Kafka, settings, metrics and the command line around stylecore."""
