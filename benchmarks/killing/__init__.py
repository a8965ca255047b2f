"""Runs of the command that are killed, and the bill that shows what they did."""
