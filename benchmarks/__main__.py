"""All benchmarks in a short form, in one table: ``benchmarks/run``."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from benchmarks.whole import Measure, main, short

ALL: Mapping[str, Measure] = {
    "engine": short("engine", documents=500, rounds=3),
    "transfer": short("transfer", mib=256, rounds=3),
    "manifest": short("manifest", documents=10_000, rounds=3, smallest=1000),
}
"""What is measured, in this order; each a few minutes at most.

``short`` imports a benchmark only when its turn comes, so that one whose packages are
missing leaves only itself out.
"""

if __name__ == "__main__":
    sys.exit(main(ALL))
