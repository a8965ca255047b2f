"""Figures of the program, each next to a yardstick measured in the same run."""

import os

# Whoever installs the program has its modules compiled; where this is set, they would
# be compiled again by each process that is measured.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # noqa: TID251  # what they inherit
