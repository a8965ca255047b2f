"""The APIs, one pure module each; performs no I/O."""
