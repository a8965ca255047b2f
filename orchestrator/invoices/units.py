"""Names of units by their codes (UN/ECE Recommendations 20 and 21); performs no I/O.

Packages have two codes here: the one of Recommendation 21 with an X before it, which
electronic invoices ask for, and the bare one that many systems still write.
"""

from __future__ import annotations

# Order of the columns: those of the words, which are English, German, French, Spanish,
# Japanese, and Chinese in simplified and in traditional characters.
Names = tuple[str, str, str, str, str, str, str]

# Codes of one meaning, its name for exactly one, and for any other number.
_COUNTED: tuple[tuple[str, Names, Names], ...] = (
    (
        "H87 EA PCE NAR XPP",
        ("pc", "Stk.", "pce", "ud.", "個", "件", "件"),
        ("pcs", "Stk.", "pces", "uds.", "個", "件", "件"),
    ),
    (
        "SET",
        ("set", "Set", "lot", "juego", "式", "套", "組"),
        ("sets", "Sets", "lots", "juegos", "式", "套", "組"),
    ),
    (
        "PR NPR",
        ("pair", "Paar", "paire", "par", "組", "双", "雙"),
        ("pairs", "Paar", "paires", "pares", "組", "双", "雙"),
    ),
    (
        "DZN",
        ("dozen", "Dutzend", "douzaine", "docena", "ダース", "打", "打"),
        ("dozen", "Dutzend", "douzaines", "docenas", "ダース", "打", "打"),
    ),
    (
        "BG XBG",
        ("bag", "Beutel", "sachet", "bolsa", "袋", "袋", "袋"),
        ("bags", "Beutel", "sachets", "bolsas", "袋", "袋", "袋"),
    ),
    (
        "XSA",
        ("sack", "Sack", "sac", "saco", "袋", "袋", "袋"),
        ("sacks", "Sack", "sacs", "sacos", "袋", "袋", "袋"),
    ),
    (
        "BX XBX",
        ("box", "Kiste", "boîte", "caja", "箱", "盒", "盒"),
        ("boxes", "Kisten", "boîtes", "cajas", "箱", "盒", "盒"),
    ),
    (
        "CT XCT",
        ("carton", "Karton", "carton", "cartón", "箱", "箱", "箱"),
        ("cartons", "Kartons", "cartons", "cartones", "箱", "箱", "箱"),
    ),
    (
        "CS XCS",
        ("case", "Kasten", "caisse", "caja", "箱", "箱", "箱"),
        ("cases", "Kästen", "caisses", "cajas", "箱", "箱", "箱"),
    ),
    (
        "PF PX XPX",
        ("pallet", "Palette", "palette", "palé", "パレット", "托盘", "棧板"),
        ("pallets", "Paletten", "palettes", "palés", "パレット", "托盘", "棧板"),
    ),
    (
        "PK XPK PA XPA",
        ("pack", "Packung", "paquet", "paquete", "パック", "包", "包"),
        ("packs", "Packungen", "paquets", "paquetes", "パック", "包", "包"),
    ),
    (
        "BO XBO",
        ("bottle", "Flasche", "bouteille", "botella", "本", "瓶", "瓶"),
        ("bottles", "Flaschen", "bouteilles", "botellas", "本", "瓶", "瓶"),
    ),
    (
        "CA XCA",
        ("can", "Dose", "boîte", "lata", "缶", "罐", "罐"),
        ("cans", "Dosen", "boîtes", "latas", "缶", "罐", "罐"),
    ),
    (
        "RO XRO",
        ("roll", "Rolle", "rouleau", "rollo", "巻", "卷", "捲"),
        ("rolls", "Rollen", "rouleaux", "rollos", "巻", "卷", "捲"),
    ),
    (
        "DAY",
        ("day", "Tag", "jour", "día", "日", "天", "天"),
        ("days", "Tage", "jours", "días", "日", "天", "天"),
    ),
    (
        "WEE",
        ("week", "Woche", "sem.", "sem.", "週", "周", "週"),
        ("weeks", "Wochen", "sem.", "sem.", "週", "周", "週"),
    ),
    (
        "MON",
        ("month", "Monat", "mois", "mes", "か月", "个月", "個月"),
        ("months", "Monate", "mois", "meses", "か月", "个月", "個月"),
    ),
    (
        "QAN",
        ("quarter", "Quartal", "trim.", "trim.", "四半期", "季度", "季"),
        ("quarters", "Quartale", "trim.", "trim.", "四半期", "季度", "季"),
    ),
    (
        "ANN",
        ("year", "Jahr", "an", "año", "年", "年", "年"),
        ("years", "Jahre", "ans", "años", "年", "年", "年"),
    ),
    (
        "LS",
        ("lump sum", "pauschal", "forfait", "global", "一式", "总价", "總價"),
        ("lump sum", "pauschal", "forfait", "global", "一式", "总价", "總價"),
    ),
)

_WRITTEN: dict[str, Names] = {
    "HUR": ("h", "Std.", "h", "h", "時間", "小时", "小時"),
    "LH": ("h", "Std.", "h", "h", "時間", "小时", "小時"),
    "MIN": ("min", "Min.", "min", "min", "分", "分钟", "分鐘"),
    "SEC": ("s", "Sek.", "s", "s", "秒", "秒", "秒"),
    "LTR": ("l", "l", "l", "l", "L", "L", "L"),
    "MLT": ("ml", "ml", "ml", "ml", "mL", "mL", "mL"),
    "CLT": ("cl", "cl", "cl", "cl", "cL", "cL", "cL"),
    "HLT": ("hl", "hl", "hl", "hl", "hL", "hL", "hL"),
}

# Written alike in all languages; a mere number has no unit.
_SYMBOLS = {
    "C62": "",
    "MGM": "mg",
    "GRM": "g",
    "KGM": "kg",
    "TNE": "t",
    "LBR": "lb",
    "ONZ": "oz",
    "MMT": "mm",
    "CMT": "cm",
    "MTR": "m",
    "LM": "m",
    "KMT": "km",
    "INH": "in",
    "FOT": "ft",
    "MMK": "mm²",
    "CMK": "cm²",
    "MTK": "m²",
    "KMK": "km²",
    "HAR": "ha",
    "FTK": "ft²",
    "CMQ": "cm³",
    "MTQ": "m³",
    "KWT": "kW",
    "KWH": "kWh",
    "MWH": "MWh",
    "P1": "%",
    "4L": "MB",
    "E34": "GB",
    "E35": "TB",
}


def _alike(symbol: str) -> Names:
    return (symbol, symbol, symbol, symbol, symbol, symbol, symbol)


# ``:1`` after a code is the name for exactly one.
UNITS: dict[str, Names] = {
    **{f"{code}:1": one for codes, one, _ in _COUNTED for code in codes.split()},
    **{code: many for codes, _, many in _COUNTED for code in codes.split()},
    **_WRITTEN,
    **{code: _alike(symbol) for code, symbol in _SYMBOLS.items()},
}
