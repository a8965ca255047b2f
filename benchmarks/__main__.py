"""All benchmarks in a short form, in one table: ``benchmarks/run``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks import engine, manifest
from benchmarks.table import Row, machine, show

Measure = Callable[[], Sequence[Row]]

ALL: Mapping[str, Measure] = {
    "engine": lambda: engine.measure(documents=500, rounds=3),
    "manifest": lambda: manifest.measure(documents=10_000, rounds=3, smallest=1000),
}
"""What is measured, in this order; each a few minutes at most."""


def main() -> None:
    """Measure everything."""
    print(machine(), flush=True)
    for name, measure in ALL.items():
        print()
        show(measure(), name)


if __name__ == "__main__":
    main()
