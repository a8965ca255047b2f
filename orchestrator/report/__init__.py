"""Views of what happened; performs no I/O."""
