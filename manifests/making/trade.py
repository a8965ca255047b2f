"""Where a roastery sells, to whom, and what: the words and numbers of its invoices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

LANGUAGES = ("en", "de", "fr", "es", "ja", "zh")


@dataclass(frozen=True, slots=True)
class Ware:
    """A thing to sell: its names by language, its price in euros."""

    names: tuple[str, ...]
    unit: str
    price: Decimal
    is_food: bool = True


@dataclass(frozen=True, slots=True)
class Market:
    """A country: how it is taxed, what its papers look like, who buys.

    ``food`` and ``other`` are taxes. ``kinds`` and ``names`` make a buyer's name, a
    town is a postcode, a city and perhaps a region, and has one of the streets.
    ``share`` is the market's weight.
    """

    country: str
    language: str
    currency: str
    share: int
    food: dict[str, str]
    other: dict[str, str]
    seller_ids: tuple[dict[str, str], ...]
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    streets: tuple[str, ...]
    towns: tuple[tuple[str, ...], ...]
    policy: dict[str, Any]


# A price in euros becomes one of the market: factor, and the step of its prices.
RATES = {
    "EUR": (Decimal(1), Decimal("0.01")),
    "USD": (Decimal("1.09"), Decimal("0.05")),
    "GBP": (Decimal("0.86"), Decimal("0.01")),
    "CHF": (Decimal("0.96"), Decimal("0.05")),
    "JPY": (Decimal(163), Decimal(10)),
    "KWD": (Decimal("0.335"), Decimal("0.005")),
    "CNY": (Decimal("7.85"), Decimal("0.1")),
}


def _ware(names: str, unit: str, price: str, *, is_food: bool = True) -> Ware:
    return Ware(tuple(names.split("|")), unit, Decimal(price), is_food)


WARES = (
    _ware(
        "Alster, filter|Alster, Filter|Alster, filtre|"
        "Alster, filtro|アルスター(浅煎り)|阿尔斯特 手冲",
        "KGM",
        "31.50",
    ),
    _ware(
        "Speicherstadt, espresso|Speicherstadt, Espresso|Speicherstadt, espresso|"
        "Speicherstadt, espresso|倉庫街エスプレッソ|仓库城 意式浓缩",
        "KGM",
        "29.80",
    ),
    _ware(
        "Nachtschicht, decaf|Nachtschicht, entkoffeiniert|Nachtschicht, décaféiné|"
        "Nachtschicht, descafeinado|夜勤カフェインレス|夜班 低因",
        "KGM",
        "38.00",
    ),
    _ware(
        "Hafenlicht, filter|Hafenlicht, Filter|Hafenlicht, filtre|"
        "Hafenlicht, filtro|港の灯(中煎り)|港湾之光 手冲",
        "KGM",
        "42.50",
    ),
    _ware(
        "Green coffee, Huila Pitalito|"
        "Rohkaffee, Huila Pitalito|Café vert, Huila Pitalito|"
        "Café verde, Huila Pitalito|生豆 ウイラ・ピタリート|生豆 乌伊拉",
        "KGM",
        "7.85",
    ),
    _ware(
        "Drinking chocolate, 500 g|Trinkschokolade, 500 g|"
        "Chocolat en poudre, 500 g|"
        "Chocolate a la taza, 500 g|ココア 500g|热可可粉 500 克",
        "H87",
        "9.40",
    ),
    _ware(
        "Cup set of six|Tassen, sechs Stück|Lot de six tasses|"
        "Juego de seis tazas|カップ6客セット|咖啡杯六件套",
        "SET",
        "54.00",
        is_food=False,
    ),
    _ware(
        "Hand grinder|Handmühle|Moulin à main|Molinillo manual|手挽きミル|手摇磨豆机",
        "H87",
        "129.00",
        is_food=False,
    ),
    _ware(
        "Filter papers, 100|Filterpapier, 100 Blatt|Filtres papier, 100|"
        "Filtros de papel, 100|ペーパーフィルター 100枚|滤纸 100 张",
        "H87",
        "6.20",
        is_food=False,
    ),
    _ware(
        "Barista training|Barista-Schulung|Formation barista|"
        "Curso de barista|バリスタ研修|咖啡师培训",
        "HUR",
        "95.00",
        is_food=False,
    ),
    _ware(
        "Machine service|Wartung der Maschine|Entretien de la machine|"
        "Mantenimiento de la máquina|マシン点検|咖啡机保养",
        "HUR",
        "78.50",
        is_food=False,
    ),
    _ware(
        "Delivery by carrier, pallet|Lieferung per Spedition, Palette|"
        "Livraison par transporteur, palette|"
        "Entrega por transportista, palé|配送料(パレット)|托盘运输",
        "C62",
        "64.00",
        is_food=False,
    ),
)

WORDS = {
    "terms": (
        "Payable within {} days without deduction.",
        "Zahlbar innerhalb von {} Tagen ohne Abzug.",
        "Payable à {} jours, sans escompte.",
        "Pago a {} días, sin descuento.",
        "お支払い期限は発行日より{}日以内です。",
        "请于 {} 天内付款。",
    ),
    "volume": (
        "Volume discount",
        "Mengenrabatt",
        "Remise quantitative",
        "Descuento por volumen",
        "数量割引",
        "批量折扣",
    ),
    "loyal": (
        "Loyalty discount",
        "Treuerabatt",
        "Remise de fidélité",
        "Descuento por fidelidad",
        "お得意様割引",
        "老客户折扣",
    ),
    "returned": (
        "Bags damaged on the way; with apologies.",
        "Beutel unterwegs beschädigt; wir bitten um Entschuldigung.",
        "Sachets endommagés pendant le transport ; avec nos excuses.",
        "Bolsas dañadas en el transporte; rogamos disculpas.",
        "輸送中の破損により返金いたします。お詫び申し上げます。",
        "运输途中包装破损，特此退款，谨致歉意。",
    ),
    "thanks": (
        "Roasted on Tuesdays and Fridays, best from the fourth day on.",
        "Geröstet dienstags und freitags, am besten ab dem vierten Tag.",
        "Torréfié le mardi et le vendredi, au mieux dès le quatrième jour.",
        "Tostado los martes y viernes, óptimo desde el cuarto día.",
        "火曜と金曜に焙煎しています。四日目からが飲み頃です。",
        "每周二、周五烘焙，第四天起风味最佳。",
    ),
    "export": (
        "Export outside the EU, exempt from VAT.",
        "Steuerfreie Ausfuhrlieferung.",
        "Exportation hors UE, exonérée de TVA.",
        "Exportación fuera de la UE, exenta de IVA.",
        "輸出免税",
        "出口货物，免征增值税。",
    ),
    "within": (
        "Intra-community supply, exempt from VAT.",
        "Steuerfreie innergemeinschaftliche Lieferung.",
        "Livraison intracommunautaire exonérée de TVA.",
        "Entrega intracomunitaria exenta de IVA.",
        "EU域内取引免税",
        "欧盟内部供货，免征增值税。",
    ),
}


def word(name: str, language: str) -> str:
    """One of the words, in a language."""
    return WORDS[name][LANGUAGES.index(language[:2])]


def _taxed(rate: str) -> dict[str, str]:
    return {"category": "S", "rate": rate}


def _free(category: str, name: str, language: str) -> dict[str, str]:
    return {"category": category, "rate": "0", "exemption_text": word(name, language)}


_HOME = {"scheme": "vat", "value": "DE123456788"}
_LATIN = ("Alba", "Nord", "Linden", "Mistral", "Aurora", "Onda", "Petit Matin")

MARKETS = (
    Market(
        "DE",
        "de",
        "EUR",
        30,
        _taxed("7"),
        _taxed("19"),
        (_HOME,),
        ("Café", "Hotel", "Bäckerei", "Kontor", "Buchhandlung", "Kantine"),
        (
            "Morgenröte",
            "Lindenhof",
            "Fährhaus",
            "Süderelbe",
            "Weißdorn",
            "Käthe & Söhne",
        ),
        ("Schanzenstraße", "Ehrenfelder Weg", "Kapuzinerweg", "Am Mühlbach"),
        (
            ("20357", "Hamburg"),
            ("50667", "Köln"),
            ("80331", "München"),
            ("04109", "Leipzig"),
        ),
        {},
    ),
    Market(
        "AT",
        "de-AT",
        "EUR",
        8,
        _free("K", "within", "de"),
        _free("K", "within", "de"),
        (_HOME,),
        ("Kaffeehaus", "Konditorei", "Pension"),
        ("Prückl", "Zur schönen Aussicht", "Hölzl", "Gösser Tor"),
        ("Mariahilfer Gasse", "Getreidezeile", "Am Ring"),
        (("1010", "Wien"), ("5020", "Salzburg"), ("8010", "Graz")),
        {},
    ),
    Market(
        "FR",
        "fr",
        "EUR",
        14,
        _taxed("5.5"),
        _taxed("20"),
        (_HOME, {"scheme": "vat", "value": "FR40303265045"}),
        ("Brûlerie", "Café", "Épicerie", "Hôtel"),
        ("des Quais", "Saint-Éloi", "du Vieux Moulin", "de l’Étoile", "Lætitia & Cie"),
        ("rue des Archives", "quai des Chartrons", "place du Marché"),
        (("75004", "Paris"), ("33000", "Bordeaux"), ("69001", "Lyon")),
        {},
    ),
    Market(
        "ES",
        "es",
        "EUR",
        10,
        _taxed("10"),
        _taxed("21"),
        (_HOME, {"scheme": "vat", "value": "ESN0012345A"}),
        ("Cafetería", "Hostal", "Panadería"),
        ("Núñez", "La Peña", "El Búho", "Año Nuevo", "Begoña"),
        ("Calle de las Infantas", "Carrer de Sants", "Paseo del Río"),
        (("28004", "Madrid"), ("08014", "Barcelona"), ("41001", "Sevilla")),
        {},
    ),
    Market(
        "GB",
        "en-GB",
        "GBP",
        12,
        {"category": "Z", "rate": "0"},
        _taxed("20"),
        (_HOME, {"scheme": "vat", "value": "GB123456789"}),
        ("The", "Old", "Little"),
        ("Kettle & Crumb", "Lighthouse Tearooms", "Harbour Bakery", "Reading Room"),
        ("Mill Lane", "Castle Street", "Station Parade"),
        (("EH1 1QS", "Edinburgh"), ("BS1 4DJ", "Bristol"), ("YO1 7HH", "York")),
        {},
    ),
    Market(
        "CH",
        "de-CH",
        "CHF",
        8,
        _taxed("2.6"),
        _taxed("8.1"),
        (_HOME, {"scheme": "vat", "value": "CHE-123.456.789 MWST"}),
        ("Café", "Gasthof", "Confiserie"),
        ("Zähringer", "Zum Bären", "Rütli", "Seeblick"),
        ("Bahnhofplatz", "Rheingasse", "Hirschengraben"),
        (("8001", "Zürich"), ("4001", "Basel"), ("3011", "Bern")),
        {"cash_rounding": "0.05"},
    ),
    Market(
        "JP",
        "ja",
        "JPY",
        10,
        _taxed("8"),
        _taxed("10"),
        ({"scheme": "jp_qualified", "value": "T1234567890123"},),
        ("喫茶 ", "珈琲館 ", "株式会社", "旅館 "),
        ("鴨川", "春日堂", "山猫軒", "夜明け前", "渡邊商店", "花見小路"),
        ("木屋町通四条下ル", "神楽坂三丁目", "中之島二丁目"),
        (
            ("600-8019", "下京区", "京都府京都市"),
            ("162-0825", "新宿区", "東京都"),
            ("530-0005", "北区", "大阪府大阪市"),
        ),
        {"rounding": "floor"},
    ),
    Market(
        "CN",
        "zh",
        "CNY",
        7,
        _free("G", "export", "zh"),
        _free("G", "export", "zh"),
        (_HOME,),
        ("",),
        ("晨光咖啡有限公司", "梧桐书店", "湖畔酒店管理有限公司", "小满烘焙工坊"),
        ("武康路", "南山路", "玉林西路"),
        (("200031", "上海市"), ("310002", "杭州市"), ("610041", "成都市")),
        {},
    ),
    Market(
        "US",
        "en-US",
        "USD",
        8,
        _free("G", "export", "en"),
        _free("G", "export", "en"),
        (_HOME,),
        ("Café", "Hotel", "Roastery"),
        (*_LATIN, "O’Malley & Daughters"),
        ("Mission Street", "Elm Avenue", "Pier Road"),
        (("94103", "San Francisco", "CA"), ("04101", "Portland", "ME")),
        {},
    ),
    Market(
        "KW",
        "en-GB",
        "KWD",
        5,
        _free("G", "export", "en"),
        _free("G", "export", "en"),
        (_HOME,),
        ("Al Bahr", "Dar", "Souk"),
        ("Coffee Trading Co. W.L.L.", "Hospitality Group", "Specialty Roasters"),
        ("Salem Al Mubarak Street", "Fahad Al Salem Street"),
        (("22000", "Salmiya"), ("13001", "Kuwait City")),
        {},
    ),
)
