"""The dialects of the service, over real sockets and with the vendors' own clients."""
