"""The manifest's shape, typed; performs no I/O.

Each kind of entry is a model of its own and is chosen before it is checked, so that a
fault never comes with the complaints of the kinds that were not meant. Descriptions are
written for the users of editors, which show them.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    Strict,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from orchestrator.manifest.data_shape import Map, Number
from orchestrator.manifest.shape import Shape, Word, wrong
from orchestrator.model import Mode, Operation
from orchestrator.settings import Bound, Prefer, SecretReference, address_of

SCHEMA_URL = "https://json-schema.org/draft/2020-12/schema"
_UNITS = {
    "": 1,
    "B": 1,
    **{f"{each}B": 1000**i for i, each in enumerate("kMGT", 1)},
    **{f"{each}iB": 1024**i for i, each in enumerate("KMGT", 1)},
    "KB": 1000,
}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([A-Za-z]{0,3})")
_AMOUNT = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")
_BOUND = re.compile(r"([0-9]{1,9})(\.[0-9]{1,6})?(%)?")
_REFERENCE = re.compile(r"\$\{(env|file):([^{}\x00-\x1f]+)\}")
_URL = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?", re.IGNORECASE)


def size_of(value: object) -> int:
    """Bytes: ``10MB`` is decimal, ``10MiB`` binary, a bare number is bytes."""
    text = str(value) if isinstance(value, str | int | Decimal) else ""
    match = _SIZE.fullmatch(text)
    if isinstance(value, bool) or match is None or match[2] not in _UNITS:
        raise wrong("must be a size", "write 10MB (decimal), 10MiB (binary) or bytes")
    size = Decimal(match[1]) * _UNITS[match[2]]
    if size > 2**60:
        raise wrong("must be a size of at most 2^60 bytes")
    return int(size)


def reference_of(value: object) -> SecretReference:
    """A reference to a secret; what was found is never repeated."""
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError(
            "secret",
            "{said}",
            {
                "said": "must be a reference, never a key itself",
                "hint": "write ${env:NAME} or ${file:PATH}",
            },
        )
    return SecretReference(match[1], match[2])


def units_of(value: object) -> Decimal:
    """Units or money: at least 0, exact, digits enough for every currency."""
    text = str(value) if isinstance(value, str | int | Decimal) else ""
    if isinstance(value, bool) or not _AMOUNT.fullmatch(text):
        raise wrong(
            "must be a number of at least 0",
            "digits and a point, at most 9 before and 6 behind it",
        )
    return Decimal(text)


def most_of(value: object) -> dict[Operation | None, Decimal]:
    """What a document may cost at most: one number, or one for each operation."""
    if not isinstance(value, dict):
        return {None: units_of(value)}
    if unknown := sorted(str(each) for each in value if each not in set(Operation)):
        allowed = ", ".join(Operation)
        raise wrong(f"has no operation {unknown[0]}", f"allowed are {allowed}")
    return {Operation(name): units_of(each) for name, each in value.items()}


def bound_of(value: object) -> Bound:
    """How many failures are too many: ``5%`` or a number."""
    text = str(value) if isinstance(value, str | int | Decimal) else ""
    match = _BOUND.fullmatch(text)
    if isinstance(value, bool) or match is None or (match[2] and not match[3]):
        raise wrong("must be a share or a whole number", "write 5% or 20")
    if not match[3]:
        return Bound(count=int(match[1]))
    percent = Decimal(match[1] + (match[2] or ""))
    if percent > 100:
        raise wrong("must be at most 100%")
    return Bound(percent=percent)


def _url(value: str) -> str:
    if not _URL.fullmatch(value):
        raise PydanticCustomError(
            "secret",
            "{said}",
            {
                "said": "must be an http or https URL without user, query or fragment",
                "hint": "as in https://api.example.com",
            },
        )
    return value.rstrip("/")


def _address(value: str) -> str:
    if address_of(value) is None:
        raise wrong("must be HOST:PORT", "as in 127.0.0.1:8090")
    return value


def _version(value: object) -> int:
    if type(value) is not int or value != 1:
        raise wrong("must be 1")
    return value


def _shown_size(default: str) -> WithJsonSchema:
    pattern = r"^[0-9]+(\.[0-9]+)? ?(B|[kKMGT]B|[KMGT]iB)?$"
    return WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": pattern},
            ],
            "examples": [default],
        }
    )


Size = Annotated[int, BeforeValidator(size_of)]
Count = Annotated[int, Strict(), Field(ge=1, le=1_000_000)]
Params = dict[str, Any]
Encoding = Literal[
    "utf-8", "windows-1252", "windows-1250", "iso-8859-1", "iso-8859-15", "shift_jis"
]
"""What a CSV file may be written in; none of them is ever guessed."""

Asked = Literal["sync", "async", "presigned", "auto"]


Reference = Annotated[
    SecretReference,
    BeforeValidator(reference_of),
    WithJsonSchema({"type": "string", "pattern": r"^\$\{(env|file):[^{}]+\}$"}),
]


_AMOUNT_SHOWN = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": "^[0-9]{1,9}([.][0-9]{1,6})?$"},
    ]
}
Units = Annotated[Decimal, BeforeValidator(units_of), WithJsonSchema(_AMOUNT_SHOWN)]
MaxCost = Annotated[
    Any,
    BeforeValidator(most_of),
    WithJsonSchema(
        {
            "anyOf": [
                *_AMOUNT_SHOWN["anyOf"],
                {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {str(each): _AMOUNT_SHOWN for each in Operation},
                },
            ],
            "examples": [1],
        }
    ),
]
Limit = Annotated[
    Any,
    BeforeValidator(bound_of),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": "^[0-9]+([.][0-9]+%|%)?$"},
            ],
            "examples": ["5%"],
        }
    ),
]


class Limits(Shape):
    """Ceilings of an account, never exceeded; the provider's own where left out."""

    width: Count | None = Field(
        None, description="Requests on the wire at the same time.", examples=[8]
    )
    rate: Annotated[float, Field(gt=0, le=100_000)] | None = Field(
        None, description="Requests a second, polls included.", examples=[50]
    )
    jobs: Count | None = Field(
        None,
        description="Jobs that the provider has accepted and not finished.",
        examples=[200],
    )
    uploads: Count | None = Field(
        None, description="Large uploads at the same time.", examples=[2]
    )
    bytes_in_flight: Annotated[Size, _shown_size("256MB")] | None = Field(
        None, description="Bytes of inputs being sent at the same time."
    )


class Modes(Shape):
    """Sizes up to which a request mode is chosen."""

    sync_up_to: Annotated[Size, _shown_size("10MB")] | None = Field(
        None, description="Up to this size: one request, the reply is the result."
    )
    async_up_to: Annotated[Size, _shown_size("50MB")] | None = Field(
        None,
        description="Up to this size: submit, wait, fetch. Above it: pre-signed, the "
        "bytes go to storage first.",
    )
    prefer: Prefer | None = Field(
        None,
        description="exactly_once takes a mode whose every charged request can be "
        "looked up by a name that is known before it is sent, whatever the size.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.sync_up_to, self.async_up_to
        if low is not None and high is not None and low > high:
            raise wrong(f"sync_up_to ({low:,} bytes) is over async_up_to ({high:,})")
        return self


def _wording(value: object) -> object:
    if isinstance(value, str) and value.strip():
        return value
    if not isinstance(value, dict) or not value:
        raise wrong("must be a file, or parameters and the fields of their values")
    return value


Wording = Annotated[
    Any,
    BeforeValidator(_wording),
    WithJsonSchema({"type": ["string", "object"], "minProperties": 1, "minLength": 1}),
]


class Their(Shape):
    """A design that an account has in the place of one of ours."""

    design: Word = Field(
        description="What the account calls it.", examples=["0eGLPoUzbuBv5EEj@3"]
    )
    params: Wording = Field(
        description="Where the value of each of its parameters comes from, or a YAML "
        "or JSON file that says so: a field of the invoice, as in totals.gross; or "
        "{field, as}, {value}, {each, row}, {object}.",
        examples=[{"total": {"field": "totals.gross", "as": "number"}}],
    )


class Account(Shape):
    """One set of credentials at one API."""

    type: Word = Field(
        description="The API: local is the embedded service.", examples=["local"]
    )
    url: Annotated[str, AfterValidator(_url)] | None = Field(
        None,
        description="Where the API lives. For local, leaving it out starts a private "
        "service for the run.",
        examples=["http://127.0.0.1:8080"],
    )
    key: Reference | None = Field(
        None,
        description="Where the key is kept, never the key itself.",
        examples=["${env:ARCHIVE_KEY}"],
    )
    secret: Reference | None = Field(
        None,
        description="Where the second credential is kept, for an API that has two.",
        examples=["${env:ARCHIVE_SECRET}"],
    )
    webhook_secret: Reference | None = Field(
        None,
        description="Where the secret is kept that webhooks of this account are "
        "checked with.",
        examples=["${env:ARCHIVE_WEBHOOK_SECRET}"],
    )
    limits: Limits = Field(default_factory=lambda: Limits.model_validate({}))
    modes: Modes = Field(default_factory=lambda: Modes.model_validate({}))
    price: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None,
        description="Money for a unit, for estimates and for a budget in money.",
        examples=[0.01],
    )
    max_cost: MaxCost | None = Field(
        None,
        description="Units that one document may cost at most, or a mapping with a "
        "number for each operation. Needed where a budget is set.",
    )
    designs: dict[Word, Their] = Field(
        default_factory=dict,
        description="Designs of invoices that the account has in the place of ours: "
        "documents name ours, and are sent in the account's words.",
        examples=[{"invoice@1": {"design": "0eGLPoUz@3", "params": "flow.yaml"}}],
    )


class Budget(Shape):
    """What the batch may cost at most, over all of its runs: units or money."""

    units: Units | None = Field(
        None, description="In units of the providers, all accounts together."
    )
    money: Units | None = Field(
        None, description="In money; every account that may cost needs a price."
    )
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = Field(
        None, description="The currency of money and of all prices.", examples=["EUR"]
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.units is None) == (self.money is None):
            raise wrong("must have one of units and money", "as in {units: 2000}")
        if (self.money is None) != (self.currency is None):
            raise wrong("needs a currency with money, and only there")
        return self


class StopAt(Shape):
    """When to stop starting documents, because too many of them fail."""

    failures: Limit | None = Field(
        None,
        description="More failed or lost documents than this in one run: a number, "
        "or a share of those that ended.",
    )
    codes: dict[Word, Limit] = Field(
        default_factory=dict,
        description="The same for single codes.",
        examples=[{"damaged_file": "2%"}],
    )
    after: Count = Field(
        20, description="A share counts once this many documents have ended."
    )


class Webhooks(Shape):
    """Where providers may call when a job is done, so that nobody has to ask."""

    url: Annotated[str, AfterValidator(_url)] | None = Field(
        None,
        description="The public address that providers are told, without its secret "
        "part.",
        examples=["https://hooks.example.com"],
    )
    listen: Annotated[str, AfterValidator(_address)] | None = Field(
        None,
        description="HOST:PORT to listen on while a run lasts.",
        examples=["127.0.0.1:8090"],
    )
    path: Reference | None = Field(
        None,
        description="Where the secret part of the path is kept. Left out, one is made.",
        examples=["${env:HOOK_PATH}"],
    )
    inbox: Word | None = Field(
        None,
        description="Folder of a durable inbox, as kept by orchestrator listen.",
        examples=["/var/lib/orchestrator/inbox"],
    )


class Common(Shape):
    """What every document may say, and what ``defaults`` says for all of them."""

    provider: Word | None = Field(
        None, description="Name of an account in providers.", examples=["local"]
    )
    to: Word | None = Field(
        None, description="Format of the output, as an extension.", examples=["pdf"]
    )
    output: Word | None = Field(
        None,
        description="Pattern of the output's path, relative to the manifest. Fields: "
        "{id}, {ext}, {stem}, {name}, {folder}, fields of the row, and {n} or {n:03} "
        "where several files may come. A pattern that ends with / is a folder.",
        examples=["out/{id}.{ext}", "out/{id}-{n:03}.{ext}"],
    )
    params: Params | None = Field(
        None,
        description="Options of the operation, or data for the design. Mappings are "
        "merged: defaults below the entry, the entry below the row.",
    )
    mode: Asked | None = Field(
        None,
        description="How documents are handed over: auto chooses by size, the others "
        "insist.",
    )
    priority: Annotated[int, Strict(), Field(ge=-1000, le=1000)] | None = Field(
        None, description="Higher goes first.", examples=[10]
    )


class Defaults(Common):
    """Said once for all documents; an entry's own word wins."""


class Entry(Common):
    """What the three kinds of entries share."""

    operation: Operation | None = Field(
        None,
        description="What to do. Left out: generate with a design, merge with several "
        "inputs, convert with one.",
    )
    source: Word | None = Field(
        None,
        description="Format of the inputs, where the file name does not tell.",
        examples=["csv"],
    )


class Single(Entry):
    """One document."""

    id: Word = Field(
        description="Your own name for the document, unique in the manifest.",
        examples=["letter"],
    )
    input: Word | None = Field(
        None, description="The file, relative to the manifest.", examples=["in/a.docx"]
    )
    inputs: list[Word] | None = Field(
        None, min_length=1, description="Several files, in order.", max_length=10_000
    )
    design: Word | None = Field(
        None, description="A design to generate from.", examples=["invoice@1"]
    )
    number: Number | None = Field(
        None, description="A series that the document gets its number from."
    )
    overwrite: Annotated[bool, Strict()] | None = Field(
        None, description="Whether its outputs may replace files that are there."
    )


class Glob(Entry):
    """One document for each file that a pattern matches."""

    glob: Word = Field(
        description="Pattern of files, relative to the manifest; ** goes into folders.",
        examples=["in/*.png"],
    )
    id: Word | None = Field(
        None,
        description="Pattern of the ids: {stem}, {name}, {folder}. Default: {stem}.",
        examples=["img-{stem}"],
    )


class Rows(Entry):
    """One document for each row of a data file."""

    rows: Word = Field(
        description="A .csv, .tsv, .jsonl, .json (one object a line), .yaml, .yml, "
        ".parquet or SQLite file, relative to the manifest; or a reference to a "
        "connection of PostgreSQL.",
        examples=["invoices.jsonl", "${env:SHOP_DATABASE}"],
    )
    key: Word | None = Field(
        None, description="The column that is the id.", examples=["number"]
    )
    id: Word | None = Field(
        None,
        description="Pattern of the ids, in place of key.",
        examples=["{customer}-{number}"],
    )
    design: Word | None = Field(
        None,
        description="A design to generate from; the row is its data.",
        examples=["invoice@1"],
    )
    input: Word | None = Field(
        None, description="Pattern of the input's path.", examples=["scans/{file}"]
    )
    inputs: list[Word] | None = Field(
        None, min_length=1, max_length=10_000, description="Patterns of several inputs."
    )
    number: Number | None = Field(
        None, description="A series that the documents get their numbers from."
    )
    query: Word | None = Field(
        None,
        description="SQL that selects the rows of a database.",
        examples=["SELECT * FROM sales ORDER BY number"],
    )
    group: Word | None = Field(
        None,
        description="A column: rows that follow each other with the same value in it "
        "are one document; needs map.",
        examples=["invoice_no"],
    )
    map: Map | None = Field(
        None,
        description="Where each value of the data comes from, by its path, as in "
        "buyer.name or lines[].quantity, where [] is an item for each row of a group. "
        "dotted: the names of the columns are such paths.",
    )
    numbers: list[Word] | None = Field(
        None,
        description="Columns of a CSV file that hold numbers; all others are text.",
        examples=[["net", "quantity"]],
    )
    encoding: Encoding | None = Field(
        None,
        description="How a CSV file is written, if not in UTF-8.",
        examples=["windows-1252"],
    )


class Manifest(Shape):
    """A batch: which documents, what to do with them, through which accounts."""

    version: Annotated[int, BeforeValidator(_version), WithJsonSchema({"const": 1})] = (
        Field(description="Version of this format.")
    )
    name: Word | None = Field(
        None, description="Name of the batch. Default: the file's stem."
    )
    providers: dict[str, Account] = Field(
        default_factory=dict,
        description="Accounts by name. local, a private embedded service, is always "
        "there.",
    )
    defaults: Defaults = Field(default_factory=lambda: Defaults.model_validate({}))
    designs: Word | None = Field(
        None, description="Folder of your own designs.", examples=["designs"]
    )
    webhooks: Webhooks = Field(default_factory=lambda: Webhooks.model_validate({}))
    numbers: Word | None = Field(
        None,
        description="File that keeps the numbers of series; several manifests may "
        "share it. Default: numbers.sqlite beside the manifest.",
        examples=["../numbers.sqlite"],
    )
    budget: Budget | None = Field(
        None, description="What the batch may cost at most; reserved before dispatch."
    )
    stop_at: StopAt = Field(default_factory=lambda: StopAt.model_validate({}))


ASKED: dict[str | None, Mode | None] = {
    None: None,
    "auto": None,
    **{mode.value: mode for mode in Mode},
}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a manifest, for editors."""

    class Whole(Manifest):
        documents: list[Single | Glob | Rows] = Field(
            min_length=1, description="What to do: single files, globs, rows of data."
        )

    Whole.__doc__ = Manifest.__doc__
    made = Whole.model_json_schema(mode="validation")
    # As its validators take it: a word for all of it, and names of columns for short.
    kinds = made["$defs"]["Rows"]["properties"]["map"]["anyOf"]
    column = kinds[0]["additionalProperties"]
    name = {"type": ["string", "number"], "minLength": 1}
    kinds[0] |= {"minProperties": 1, "additionalProperties": {"anyOf": [name, column]}}
    kinds.insert(0, {"const": "dotted"})
    schema = _untitled(made)
    return {
        "$schema": SCHEMA_URL,
        "title": "Manifest of document-orchestrator",
        **schema,
        "patternProperties": {"^x-": {"description": "Yours: a place for anchors."}},
    }


def _untitled(schema: Any) -> Any:
    """The schema without the titles that only repeat the names of keys."""
    if isinstance(schema, list):
        return [_untitled(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _untitled(each)
        for key, each in schema.items()
        if key != "title" or not isinstance(each, str)
    }
