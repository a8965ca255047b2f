"""Pictures: a harbour at dusk, a logo, a scanned delivery note."""

from __future__ import annotations

import math
import random
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

_SKY = ((18, 38, 66), (205, 118, 88), (250, 206, 140))
_GREEN, _ORANGE, _CREAM = (47, 74, 67), (201, 138, 75), (251, 248, 242)


def _font(size: int, weight: int = 400) -> ImageFont.FreeTypeFont:
    spec = find_spec("fontpkg_noto_sans")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pip install -e '.[local,test]' brings the fonts")
    folder = Path(spec.origin).parent
    upright = (each for each in folder.rglob("*.ttf") if "Italic" not in each.name)
    font = ImageFont.truetype(str(next(upright)), size)
    font.set_variation_by_axes([weight, 100])
    return font


def harbour(path: Path) -> None:
    """Warehouses on the water, in the last light."""
    chance = random.Random(17)
    wide, high, shore = 1120, 747, 470
    picture = _sky(wide, shore)
    picture = _sun(picture, (760, shore - 60))
    _houses(picture, chance, shore)
    scene = Image.new("RGB", (wide, high))
    scene.paste(picture, (0, 0))
    scene.paste(_water(picture, chance, high - shore), (0, shore))
    halo = scene.filter(ImageFilter.GaussianBlur(9))
    glow = ImageChops.multiply(halo, Image.new("RGB", halo.size, (150, 130, 110)))
    scene = ImageChops.screen(scene, glow)
    _grain(scene, chance).save(path, "JPEG", quality=82, optimize=True)


def _sky(wide: int, high: int) -> Image.Image:
    fade = Image.linear_gradient("L").resize((wide, high))
    return ImageOps.colorize(fade, _SKY[0], _SKY[2], _SKY[1], midpoint=150)


def _sun(picture: Image.Image, centre: tuple[int, int]) -> Image.Image:
    light = ImageOps.invert(Image.radial_gradient("L")).resize((620, 620))
    light = light.point(lambda value: int((value / 255) ** 3 * 190))
    mask = Image.new("L", picture.size)
    mask.paste(light, (centre[0] - 310, centre[1] - 310))
    warm = Image.new("RGB", picture.size, (255, 240, 200))
    return Image.composite(warm, picture, mask)


def _houses(picture: Image.Image, chance: random.Random, shore: int) -> None:
    """A row of gabled houses, dark before the sky."""
    draw = ImageDraw.Draw(picture)
    far = [(x, shore - 70 - 24 * math.sin(x / 61)) for x in range(0, 1140, 20)]
    draw.polygon([*far, (1140, shore), (0, shore)], fill=(96, 70, 78))
    left = -20
    while left < 640:
        wide, tall = chance.randint(84, 132), chance.randint(170, 250)
        top, right = shore - tall, left + wide
        shade = chance.randint(0, 12)
        brick = (44 + shade, 30 + shade // 2, 36)
        draw.rectangle((left, top, right, shore), fill=brick)
        gable = (left + wide // 2, top - wide // 2)
        draw.polygon([(left, top), gable, (right, top)], fill=brick)
        for y in range(top + 14, shore - 24, 34):
            for x in range(left + 12, right - 16, 24):
                is_lit = chance.random() < 0.3
                fill = (255, 205, 120) if is_lit else (28, 22, 30)
                draw.rectangle((x, y, x + 11, y + 17), fill=fill)
        left = right + 2
    _crane(draw, (905, shore))


def _crane(draw: ImageDraw.ImageDraw, foot: tuple[int, int]) -> None:
    x, y = foot
    dark = (40, 30, 38)
    for a, b in (((0, 0), (26, -170)), ((64, 0), (38, -170)), ((6, -60), (56, -60))):
        draw.line((x + a[0], y + a[1], x + b[0], y + b[1]), fill=dark, width=6)
    draw.rectangle((x + 12, y - 205, x + 54, y - 168), fill=dark)
    draw.line((x + 30, y - 200, x + 150, y - 290), fill=dark, width=6)
    draw.line((x + 150, y - 290, x + 150, y - 120), fill=dark, width=2)


def _water(above: Image.Image, chance: random.Random, high: int) -> Image.Image:
    """The mirror of what stands above, torn by ripples and darker below."""
    wide = above.width
    mirror = ImageOps.flip(above).crop((0, 0, wide, high))
    torn = Image.new("RGB", (wide, high))
    for y in range(high):
        reach = 1 + y / 16
        shift = int(reach * math.sin(y / 2.3) + chance.uniform(-reach, reach))
        row = mirror.crop((0, y, wide, y + 1))
        torn.paste(ImageChops.offset(row, shift, 0), (0, y))
    torn = torn.filter(ImageFilter.GaussianBlur(1.2))
    dark = Image.linear_gradient("L").resize((wide, high)).point(_deeper)
    return Image.composite(Image.new("RGB", torn.size, (12, 22, 40)), torn, dark)


def _deeper(value: int) -> float:
    return 60 + value * 0.5


def _grain(scene: Image.Image, chance: random.Random) -> Image.Image:
    half = (scene.width // 2, scene.height // 2)
    noise = Image.frombytes("L", half, chance.randbytes(half[0] * half[1]))
    noise = noise.resize(scene.size).point(lambda value: 122 + value // 22)
    return ImageChops.overlay(scene, Image.merge("RGB", (noise, noise, noise)))


def logo(path: Path) -> None:
    """A bean in a ring with the name below, on nothing."""
    large = Image.new("RGBA", (2400, 1760), (0, 0, 0, 0))
    draw = ImageDraw.Draw(large)
    draw.ellipse((740, 80, 1660, 1000), fill=(*_GREEN, 255))
    draw.ellipse((790, 130, 1610, 950), outline=(*_CREAM, 255), width=14)
    bean = Image.new("RGBA", large.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(bean)
    pen.ellipse((990, 280, 1410, 800), fill=(*_ORANGE, 255))
    seam = [(1200 + 62 * math.sin(n / 50 * math.tau), 290 + 10 * n) for n in range(51)]
    pen.line(seam, fill=(*_GREEN, 255), width=34, joint="curve")
    bean = bean.rotate(-32, Image.Resampling.BICUBIC, center=(1200, 540))
    large.alpha_composite(bean)
    name = _font(250, 700)
    draw.text((1200, 1230), "Kessel & Korn", fill=_GREEN, font=name, anchor="mm")
    under = "K A F F E E R Ö S T E R E I   ·   H A M B U R G"
    draw.text((1200, 1490), under, fill=_ORANGE, font=_font(84, 500), anchor="mm")
    small = large.resize((600, 440), Image.Resampling.LANCZOS)
    small.save(path, "PNG", optimize=True, dpi=(150, 150))


def scan(path: Path) -> None:
    """A delivery note of two pages, as the scanner at the gate saw it."""
    chance = random.Random(18)
    pages = [_note(lines, n, chance) for n, lines in enumerate(_NOTES, 1)]
    pages[0].save(
        path,
        "TIFF",
        save_all=True,
        append_images=pages[1:],
        compression="group4",
        dpi=(150, 150),
    )


def _note(lines: tuple[str, ...], page: int, chance: random.Random) -> Image.Image:
    sheet = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(sheet)
    draw.text((110, 110), "Delivery note", fill=20, font=_font(58, 700))
    draw.text((1130, 130), "LS-2026-0418", fill=20, font=_font(34), anchor="ra")
    draw.line((110, 205, 1130, 205), fill=20, width=4)
    for n, line in enumerate(lines):
        for x, text in zip((110, 700, 980), line.split("|"), strict=False):
            draw.text((x, 250 + n * 52), text, fill=30, font=_font(28))
    draw.text((620, 1660), f"page {page} of 2", fill=60, font=_font(24), anchor="mm")
    if page == 2:
        _signed(draw)
        sheet.paste(ImageChops.darker(sheet, _stamp(sheet.size)))
    turned = sheet.rotate(0.55 if page == 1 else -0.8, fillcolor=255)
    for _ in range(160):
        x, y = chance.randrange(1240), chance.randrange(1754)
        size = chance.choice((0, 0, 1, 2))
        ImageDraw.Draw(turned).rectangle((x, y, x + size, y + size), fill=0)
    ImageDraw.Draw(turned).line((0, 1748, 1240, 1752), fill=0, width=5)
    return turned.point(lambda value: 255 if value > 140 else 0).convert("1")


def _stamp(size: tuple[int, int]) -> Image.Image:
    stamp = Image.new("L", size, 255)
    draw = ImageDraw.Draw(stamp)
    draw.rounded_rectangle((690, 960, 1100, 1120), 18, outline=40, width=7)
    draw.text((895, 1015), "RECEIVED", fill=40, font=_font(54, 700), anchor="mm")
    draw.text((895, 1078), "17 MAR 2026", fill=40, font=_font(36, 600), anchor="mm")
    return stamp.rotate(7, Image.Resampling.BICUBIC, center=(895, 1040), fillcolor=255)


def _signed(draw: ImageDraw.ImageDraw) -> None:
    draw.line((130, 1180, 560, 1180), fill=30, width=2)
    draw.text((130, 1192), "Signature, gate 3", fill=60, font=_font(22))
    pen = [
        (150 + 3.4 * n, 1130 - 34 * math.sin(n / 4.1) * math.exp(-n / 90) - n / 7)
        for n in range(105)
    ]
    draw.line(pen, fill=20, width=4, joint="curve")


_NOTES = (
    (
        "From|Kontor Überseequartier, Hamburg",
        "To|Kessel & Korn, Am Sandtorkai 12",
        "Vessel|MS Adelheid, berth 4",
        "",
        "Goods|Bags|Gross kg",
        "Ethiopia, Yirgacheffe Aricha|42|2,562",
        "Colombia, Huila Pitalito|65|4,628",
        "Brazil, Cerrado Mineiro|118|7,092",
        "Guatemala, Antigua Pastores|24|1,680",
        "Kenya, Kirinyaga AA|18|1,098",
        "Sumatra, Lintong|31|1,891",
        "Guatemala, decaf|12|841",
        "",
        "Sum|310|19,792",
    ),
    (
        "Remarks",
        "",
        "Two bags of lot 118-C were wet on the outside. Opened at",
        "the gate, coffee dry, taken in.",
        "",
        "Pallets|exchanged|14",
        "Seals|unbroken|7",
        "Temperature in the hold|on arrival|16 °C",
    ),
)
