"""Push thousands to millions of documents through document APIs."""
