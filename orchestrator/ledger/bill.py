"""What jobs cost, read out of a ledger; sums are exact.

A job that provably came to nothing says so by a told cost of 0. Rows are grouped inside
SQLite (``sums`` keeps the groups of what has ended) and added up here as decimals,
since SQLite adds in floating point.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from orchestrator.ledger.sums import COST, UNSENT
from orchestrator.ledger.words import word
from orchestrator.model import Operation

_CHARGES = "account NOT IN (SELECT value FROM json_each(?))"
_FLYING = "SELECT id FROM job WHERE phase <> 'ended'"
"""In this way the index over jobs in flight is where the query begins."""
_COMMITTED = f"""
SELECT account, operation, n, cost, reserved, sum(jobs) FROM (
  SELECT * FROM committed UNION ALL
  SELECT each.account, each.operation, each.n, each.cost, each.reserved, 1
  FROM commitment AS each WHERE each.job IN ({_FLYING}))
WHERE {_CHARGES} GROUP BY 1, 2, 3, 4, 5 HAVING sum(jobs) > 0
"""  # noqa: S608  # constants of this module
_BILL = f"""
SELECT account, operation, fate, n, cost, reserved, is_current, sum(documents) FROM (
  SELECT * FROM charged UNION ALL
  SELECT each.account, each.operation, each.fate, each.n, each.cost, each.reserved,
    each.is_current, 1
  FROM charge AS each WHERE each.job IN ({_FLYING}))
WHERE {_CHARGES} GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(documents) > 0
ORDER BY account, operation
"""  # noqa: S608

_UNSENT_TODO = f"""
SELECT new.account, new.spec->>'$.operation', count(*)
FROM new LEFT JOIN ledger.document AS old ON old.id = new.id
LEFT JOIN ledger.job AS job ON job.id = old.job AND old.state <> 'gone'
WHERE new.fate IN ('new', 'changed')
   OR (old.state IN ('open', 'in_doubt', 'overdue', 'gone')
       AND (job.id IS NULL OR {UNSENT}))
GROUP BY 1, 2
"""  # noqa: S608  # a constant of the package
OF_DOCUMENT = f"""
(SELECT json_group_array(json_array({COST}, job.reserved,
    (SELECT count(*) FROM job_document AS other WHERE other.job = job.id)))
  FROM job_document AS link JOIN job ON job.id = link.job
  WHERE link.document = document.id AND NOT {UNSENT})
"""  # noqa: S608
"""Cost, reservation and number of documents of each job that carried a document."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the last run said of money.

    ``prices`` are for a unit, by account; accounts in ``free`` are never charged;
    ``limit`` is the budget, in units or in ``currency``.
    """

    prices: Mapping[str, Decimal] = field(default_factory=dict)
    free: frozenset[str] = frozenset()
    limit: Decimal | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """Some jobs of one kind: ``cost`` and ``reserved`` are units of each of them.

    ``cost`` is ``None`` where nobody told it; ``documents`` are those of each job, and
    ``operation`` is ``None`` where the job cost no more than was reserved for it.
    """

    account: str
    operation: Operation | None
    documents: int
    cost: Decimal | None
    reserved: Decimal
    jobs: int


@dataclass(slots=True)
class Line:
    """The bill of one account for one kind of work; all in units.

    Attributes:
        account: Its name in the manifest.
        operation: The kind of work.
        documents: Documents that are done.
        reserved: Held for what is in flight or overdue.
        spent: Charged for documents that are done, as far as told.
        guessed: One for each document that is done and whose cost nobody told.
        wasted: Charged for documents that failed or were lost.
        possible: May have been charged: in doubt, or failed and nobody told.
    """

    account: str
    operation: str
    documents: int = 0
    reserved: Decimal = field(default_factory=Decimal)
    spent: Decimal = field(default_factory=Decimal)
    guessed: Decimal = field(default_factory=Decimal)
    wasted: Decimal = field(default_factory=Decimal)
    possible: Decimal = field(default_factory=Decimal)

    @property
    def charged(self) -> Decimal:
        """What the provider has charged for certain, or almost."""
        return self.spent + self.guessed + self.wasted

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.charged or self.possible or self.reserved)


def since(before: Iterable[Line], after: Iterable[Line]) -> list[Line]:
    """What a bill has grown by; reservations may have shrunk."""
    old = {(each.account, each.operation): each for each in before}
    grown = []
    for line in after:
        then = old.get((line.account, line.operation)) or Line("", "")
        grown.append(
            Line(
                line.account,
                line.operation,
                line.documents - then.documents,
                line.reserved - then.reserved,
                line.spent - then.spent,
                line.guessed - then.guessed,
                line.wasted - then.wasted,
                line.possible - then.possible,
            )
        )
    return grown


def exact(value: float | None) -> Decimal:
    """A number of the ledger, digit by digit: it has at most 15 of them."""
    return Decimal(str(value or 0)).normalize()


def _told(value: float | str) -> Decimal | None:
    return exact(value) if isinstance(value, float | int) else None


def terms(connection: sqlite3.Connection) -> Terms:
    """Prices and budget as the last run knew them."""
    text = word(connection, "terms")
    if text is None:
        return Terms()
    said = json.loads(text)
    budget = said["budget"] or {}
    return Terms(
        {name: Decimal(price) for name, price in said["prices"].items()},
        frozenset(said["free"]),
        Decimal(budget["limit"]) if budget else None,
        budget.get("currency"),
    )


def taken(rows: Iterable[Committed], said: Terms) -> Decimal:
    """What is taken of the budget: told, or reserved, or one for each document."""
    total = Decimal(0)
    for row in rows:
        most = row.reserved or Decimal(row.documents)
        units = (most if row.cost is None else row.cost) * row.jobs
        price = said.prices.get(row.account, Decimal(0)) if said.currency else 1
        total += Decimal(0) if row.account in said.free else units * price
    return total


def of_document(found: str) -> tuple[Decimal, Decimal]:
    """Units that a document cost as told, and units that it may have cost beside."""
    told, possible = Decimal(0), Decimal(0)
    for cost, reserved, documents in json.loads(found):
        if cost is not None:
            told += exact(cost) / documents
        else:
            possible += exact(reserved) / documents or Decimal(1)
    return told, possible


def committed(
    connection: sqlite3.Connection, free: Collection[str] = ()
) -> list[Committed]:
    """What jobs cost or may have cost; those that never left are not among them.

    Accounts in ``free`` are left out.
    """
    return [
        Committed(
            account,
            Operation(operation) if operation else None,
            documents,
            _told(cost),
            exact(reserved),
            jobs,
        )
        for account, operation, documents, cost, reserved, jobs in connection.execute(
            _COMMITTED, (json.dumps(list(free)),)
        )
    ]


def unsent(connection: sqlite3.Connection) -> list[tuple[str, Operation, int]]:
    """Documents of a stage that have to be sent yet, by account and operation."""
    rows = connection.execute(_UNSENT_TODO)
    return [(account, Operation(what), count) for account, what, count in rows]


def bill(connection: sqlite3.Connection, free: Collection[str] = ()) -> list[Line]:
    """What every account charged or may have charged, by kind of work.

    Accounts in ``free`` are left out; documents of a job share its cost evenly.
    """
    lines: dict[tuple[str, str], Line] = {}
    rows = connection.execute(_BILL, (json.dumps(list(free)),))
    for account, operation, fate, n, cost, reserved, is_current, count in rows:
        line = lines.setdefault((account, operation), Line(account, operation))
        told = _told(cost)
        share = None if told is None else told * count / n
        held = exact(reserved) * count / n
        _add(line, fate, share, held or Decimal(count))
        if fate == "spent" and is_current:
            line.documents += count
            if share is None:
                line.guessed += count
    return [each for each in lines.values() if each.documents or not each.is_empty]


def _add(line: Line, fate: str, told: Decimal | None, held: Decimal) -> None:
    """Add what some documents cost; ``held`` is the most, or one for each."""
    if fate == "reserved":
        line.reserved += held if told is None else told
    elif fate == "possible" or (fate == "wasted" and told is None):
        line.possible += held if told is None else told
    elif told is not None and fate == "spent":
        line.spent += told
    elif told is not None:
        line.wasted += told
