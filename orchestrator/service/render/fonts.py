"""Where the fonts are that come with the installation."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

CJK = ("noto_cjk_sans_jp_regular", "noto_cjk_sans_jp_bold")
LATIN = ("fontpkg_noto_sans", "fontpkg_arimo")


@cache
def folder(package: str) -> Path | None:
    """The folder of an installed font package."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    return home / "files" if (home / "files").is_dir() else home


def folders(packages: tuple[str, ...] = CJK + LATIN) -> list[Path]:
    """The folders of those font packages that are installed."""
    return [found for each in packages if (found := folder(each)) is not None]


def cjk() -> Path | None:
    """The regular CJK face, an OpenType font with cubic outlines."""
    home = folder(CJK[0])
    return next(home.glob("*.otf"), None) if home else None
