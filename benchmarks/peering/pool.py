"""The vendor's own client in a pool of threads: ``pool.py URL WIDTH``."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import convertapi


def carry(path: Path) -> None:
    """Upload, convert, download; what is there already is left alone."""
    if not Path("out", f"{path.stem}.pdf").exists():
        convertapi.convert("pdf", {"File": str(path)}).save_files("out")


def main() -> None:
    """Carry every document of ``in``."""
    convertapi.base_uri = f"{sys.argv[1]}/"
    convertapi.api_credentials = os.environ["TEST_KEY"]  # noqa: TID251  # a program of its own
    with ThreadPoolExecutor(int(sys.argv[2])) as pool:
        list(pool.map(carry, sorted(Path("in").iterdir())))


if __name__ == "__main__":
    main()
