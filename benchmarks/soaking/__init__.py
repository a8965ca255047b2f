"""One long batch with faults and kills, and what became of memory meanwhile."""
