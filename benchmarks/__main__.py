"""All benchmarks in a short form, in one table: ``benchmarks/run``."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from benchmarks.whole import Measure, main, short

ALL: Mapping[str, Measure] = {
    "startup": short("startup", rounds=5),
    "engine": short("engine", documents=300, rounds=5),
    "transfer": short("transfer", mib=512, rounds=5),
    "limits": short("limits", seconds=35.0),
    "manifest": short("manifest", documents=100_000, rounds=2, smallest=10_000),
    "resume": short("resume", sizes=(10_000, 50_000), rounds=3),
    "growth": short("growth", sizes=(300, 3000, 30_000), rounds=1),
    "waiting": short("waiting", jobs=5000, seconds=20.0),
    "peers": short("peers", documents=300, rounds=1, kills=3),
}
"""What is measured, in this order; each a few minutes at most.

``short`` imports a benchmark only when its turn comes, so that one whose packages are
missing leaves only itself out.
"""

if __name__ == "__main__":
    sys.exit(main(ALL))
