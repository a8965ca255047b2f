"""Makes the sample inputs in ``in/`` that are not plain text.

Run again, it makes the same bytes: ``python manifests/make_inputs.py``. It needs the
extras ``local`` and ``test``; the results are in the repository, so that running the
manifests needs neither this script nor its libraries.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import typst
from making import excel, pictures, slides, word
from making.settle import settle

HERE = Path(__file__).resolve().parent
OFFICE = {
    "offer.docx": word.offer,
    "見積書.docx": word.estimate,
    "price list.xlsx": excel.prices,
    "autumn.pptx": slides.deck,
}
PICTURES = {
    "photos/harbour.jpg": pictures.harbour,
    "photos/logo.png": pictures.logo,
    "delivery note.tiff": pictures.scan,
}


def main() -> None:
    """Make them all."""
    folder = HERE / "in"
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    for name, make in OFFICE.items():
        make(folder / name)
        settle(folder / name)
    for name, make in PICTURES.items():
        make(folder / name)
    _guide(folder / "brew guide.pdf")
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        print(f"{path.stat().st_size:9,}  {path.relative_to(folder)}")


def _guide(path: Path) -> None:
    spec = find_spec("fontpkg_noto_sans")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pip install -e '.[local,test]' brings the fonts")
    typst.compile(
        str(HERE / "making" / "guide.typ"),
        output=str(path),
        font_paths=[str(Path(spec.origin).parent)],
        ignore_system_fonts=True,
        timestamp=1773738000,
    )


if __name__ == "__main__":
    main()
