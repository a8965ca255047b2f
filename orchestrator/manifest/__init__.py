"""The manifest: loaded as a stream, checked whole, every fault located."""
