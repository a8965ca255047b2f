"""The durable record of a batch, which is also its work queue."""
