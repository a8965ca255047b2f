"""Makes ``data/invoices.jsonl``: a thousand invoices of a quarter, the same each time.

``python manifests/make_invoices.py`` writes it; the file is in the repository.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from making.sums import totals
from making.trade import LANGUAGES, MARKETS, RATES, WARES, Market, Ware, word

COUNT = 1000
FILE = Path(__file__).resolve().parent / "data" / "invoices.jsonl"
Row = dict[str, Any]


def main() -> None:
    """Write the file and say how large it is."""
    with FILE.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows(random.Random(20260401)):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(f"{FILE.stat().st_size:,} bytes in {FILE.name}")


def rows(chance: random.Random) -> Iterator[Row]:
    """Invoices in order of number and date; now and then a credit note to one."""
    weights = [each.share for each in MARKETS]
    past: list[tuple[Market, Row]] = []
    for n in range(COUNT):
        number, day = f"KK-2026-{n + 1001}", date(2026, 4, 1) + timedelta(n // 11)
        if len(past) > 20 and chance.random() < 0.04:
            market, earlier = past.pop(chance.randrange(len(past)))
            row = _credit(market, earlier, number, day, chance)
        else:
            market = chance.choices(MARKETS, weights)[0]
            row = _invoice(market, number, day, chance)
            past.append((market, row))
        if n % 3 == 0:
            row["totals"] = totals(row)
        yield row


def _invoice(market: Market, number: str, day: date, chance: random.Random) -> Row:
    days = chance.choice((14, 30, 30, 60))
    row: Row = {
        "number": number,
        "issue_date": day.isoformat(),
        "due_date": (day + timedelta(days)).isoformat(),
        "currency": market.currency,
        "language": market.language,
        "seller": {"tax_ids": list(market.seller_ids)},
        "buyer": _buyer(market, chance),
        "lines": _lines(market, chance),
        "payment": {
            "terms": word("terms", market.language).format(days),
            "reference": number,
        },
    }
    if chance.random() < 0.3:
        row["references"] = {"order": f"PO-{chance.randrange(10_000, 99_999)}"}
    if chance.random() < 0.2:
        reason = word("loyal", market.language)
        row["allowances"] = [{"reason": reason, "percent": chance.choice("23")}]
    if chance.random() < 0.25:
        row["notes"] = [word("thanks", market.language)]
    if market.policy:
        row["policy"] = market.policy
    return row


def _credit(
    market: Market, earlier: Row, number: str, day: date, chance: random.Random
) -> Row:
    """Some lines of an earlier invoice, taken back in part."""
    lines = earlier["lines"][: chance.randint(1, 2)]
    kept = ("currency", "language", "seller", "buyer", "policy")
    return {
        "number": number,
        "type": "credit_note",
        "issue_date": day.isoformat(),
        **{key: earlier[key] for key in kept if key in earlier},
        "references": {
            "preceding": [{"number": earlier["number"], "date": earlier["issue_date"]}]
        },
        "lines": [{**line, "quantity": "1"} for line in lines],
        "notes": [word("returned", market.language)],
    }


def _lines(market: Market, chance: random.Random) -> list[Row]:
    count = chance.choice((1, 2, 2, 3, 3, 4, 5, 6, 8, 11, 12))
    return [_line(market, ware, chance) for ware in chance.sample(WARES, count)]


def _line(market: Market, ware: Ware, chance: random.Random) -> Row:
    quantity = Decimal(chance.randint(1, 48))
    if ware.unit == "HUR":
        quantity = Decimal(chance.randint(2, 16)) / 2
    line: Row = {
        "name": ware.names[LANGUAGES.index(market.language[:2])],
        "quantity": str(quantity.normalize() if quantity % 1 else int(quantity)),
        "unit": ware.unit,
        "unit_price": _price(ware.price, market.currency),
        "tax": market.food if ware.is_food else market.other,
    }
    if chance.random() < 0.15:
        reason = word("volume", market.language)
        percent = chance.choice(("5", "7.5", "10"))
        line["allowances"] = [{"reason": reason, "percent": percent}]
    return line


def _price(euros: Decimal, currency: str) -> str:
    factor, step = RATES[currency]
    return str((euros * factor / step).quantize(Decimal(1), ROUND_HALF_UP) * step)


def _buyer(market: Market, chance: random.Random) -> Row:
    between = "" if market.language in ("ja", "zh") else " "
    name = chance.choice(market.kinds) + between + chance.choice(market.names)
    town = chance.randrange(len(market.towns))
    postcode, city, *region = market.towns[town]
    street = market.streets[town % len(market.streets)]
    address: Row = {
        "lines": [_street(market, street, chance.randint(1, 180))],
        "postcode": postcode,
        "city": city,
        "country": market.country,
    }
    if region:
        address["region"] = region[0]
    buyer: Row = {"name": name, "address": address}
    if market.country == "AT":
        buyer["tax_ids"] = [{"scheme": "vat", "value": _austrian(chance)}]
    return buyer


def _street(market: Market, street: str, number: int) -> str:
    if market.language in ("fr", "en-GB", "en-US"):
        return f"{number} {street}"
    if market.language == "zh":
        return f"{street}{number}号"
    if market.language == "ja":
        return f"{street}{number}番地"
    return f"{street} {number}"


def _austrian(chance: random.Random) -> str:
    """A number with the check digit that Austria asks for."""
    digits = [chance.randrange(10) for _ in range(7)]
    total = sum(sum(divmod(d * (1 + n % 2), 10)) for n, d in enumerate(digits))
    return f"ATU{''.join(map(str, digits))}{(96 - total) % 10}"


if __name__ == "__main__":
    main()
