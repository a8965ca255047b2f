"""The fixed words of the Swiss payment slip, as its Style Guide has them; no I/O."""

from __future__ import annotations

from collections.abc import Mapping

_LANGUAGES = ("en", "de", "fr", "it")
_WORDS: dict[str, tuple[str, str, str, str]] = {
    "title": ("Payment part", "Zahlteil", "Section paiement", "Sezione pagamento"),
    "receipt": ("Receipt", "Empfangsschein", "Récépissé", "Ricevuta"),
    "account": (
        "Account / Payable to",
        "Konto / Zahlbar an",
        "Compte / Payable à",
        "Conto / Pagabile a",
    ),
    "reference": ("Reference", "Referenz", "Référence", "Riferimento"),
    "additional": (
        "Additional information",
        "Zusätzliche Informationen",
        "Informations supplémentaires",
        "Informazioni supplementari",
    ),
    "currency": ("Currency", "Währung", "Monnaie", "Valuta"),
    "amount": ("Amount", "Betrag", "Montant", "Importo"),
    "acceptance": (
        "Acceptance point",
        "Annahmestelle",
        "Point de dépôt",
        "Punto di accettazione",
    ),
    "payable_by": ("Payable by", "Zahlbar durch", "Payable par", "Pagabile da"),
    "payable_by_blank": (
        "Payable by (name/address)",
        "Zahlbar durch (Name/Adresse)",
        "Payable par (nom/adresse)",
        "Pagabile da (nome/indirizzo)",
    ),
    "detach": (
        "Separate before paying in",
        "Vor der Einzahlung abzutrennen",
        "A détacher avant le versement",
        "Da staccare prima del versamento",
    ),
}


def slip_words(language: str) -> Mapping[str, str]:
    """Give the words in a language of the slip; in English for all others."""
    column = _LANGUAGES.index(language) if language in _LANGUAGES else 0
    return {key: row[column] for key, row in _WORDS.items()}
