"""Settings of accounts and of the batch, as values; performs no I/O."""
