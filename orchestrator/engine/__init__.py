"""The engine: carries every job through its flow, within the limits."""
