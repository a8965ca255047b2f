"""All benchmarks in a short form, in one table: ``benchmarks/run``."""

from benchmarks import engine, manifest
from benchmarks.table import machine, show


def main() -> None:
    """Measure everything in a few minutes."""
    print(machine())
    rows = engine.measure(documents=500, rounds=3)
    rows += manifest.measure(documents=10_000, rounds=3, smallest=1000)
    show(rows)


if __name__ == "__main__":
    main()
