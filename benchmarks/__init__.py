"""Figures of the program, each next to a yardstick measured in the same run."""
