"""Scripts as one would write them for the same work, and what becomes of them."""
