"""``python -m tests.pictures [--large FOLDER]``: draw the pictures anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.pictures import CASES, SMALL, pages


def main() -> None:
    """Write small grey pictures here, or large ones elsewhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=Path, metavar="FOLDER")
    large = parser.parse_args().large
    for name in CASES:
        for path, picture in pages(name, 1.5 if large else SMALL):
            picture.save(large / path.name if large else path, optimize=True)


main()
