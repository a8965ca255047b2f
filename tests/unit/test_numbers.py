"""Numbers of series: given once, kept, refused, explained."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import MachineError, Place, UsageError
from orchestrator.ledger.numbers import NumberStore, Standing, numbers
from orchestrator.ledger.register import Overtaken, Register
from orchestrator.manifest.series import (
    Every,
    NumberRefused,
    Period,
    Series,
    SeriesError,
)

KK = Series("KK", "KK-{year}-{n:05}", start=1001)
PLACE = Place("rows.csv", 2, 1)
IN_MARCH = {"issue_date": "2026-03-05"}


def always(document: str, number: str) -> bool:
    """The ledger knows it."""
    return True


def never(document: str, number: str) -> bool:
    """The ledger knows no output."""
    return False


def ask(
    store: Path,
    *documents: str,
    series: Series = KK,
    batch: str = "march",
    keep: bool = True,
    is_made: Callable[[str, str], bool] = never,
    is_ours: Callable[[str, str], bool] = always,
    **params: Any,
) -> list[str]:
    """Ask for the numbers of documents, and reserve them."""
    with Register(store, batch, is_made, is_ours) as register:
        found = [
            register.number(series, each, {**IN_MARCH, **params}, PLACE)
            for each in documents
        ]
        if keep:
            register.reserve(1.0)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where a store may be."""
    return tmp_path / "numbers.sqlite"


def test_numbers_follow_the_manifest(store: Path) -> None:
    """In order, from the start; and again the same, also in another order."""
    assert ask(store, "a", "b") == ["KK-2026-01001", "KK-2026-01002"]
    assert ask(store, "c", "b", "a") == [
        "KK-2026-01003",
        "KK-2026-01002",
        "KK-2026-01001",
    ]


def test_another_batch_goes_on(store: Path) -> None:
    """The same id in another batch is another document."""
    ask(store, "a")
    assert ask(store, "a", batch="april") == ["KK-2026-01002"]


def test_each_period_starts_again(store: Path) -> None:
    """The date of the document counts."""
    ask(store, "a")
    assert ask(store, "b", issue_date="2025-12-31") == ["KK-2025-01001"]
    assert ask(store, "c", issue_date=date(2026, 12, 31)) == ["KK-2026-01002"]
    monthly = Series("M", "{yy}{month}/{n:03}", Every.MONTH)
    assert ask(store, "a", "b", series=monthly) == ["2603/001", "2603/002"]
    assert ask(store, "c", series=monthly, issue_date="2026-04-01") == ["2604/001"]


def test_a_look_creates_nothing(store: Path) -> None:
    """What a plan does; the next one gets the same."""
    assert ask(store, "a", keep=False) == ["KK-2026-01001"]
    assert not store.exists()
    assert ask(store, "b") == ["KK-2026-01001"]


def test_who_is_overtaken_looks_again(store: Path) -> None:
    """Nothing is reserved on old knowledge; whoever holds the store is first."""
    with Register(store, "slow", never, always) as slow:
        assert slow.number(KK, "a", IN_MARCH, PLACE) == "KK-2026-01001"
        ask(store, "x", batch="quick")
        with pytest.raises(Overtaken):
            slow.reserve(2.0)
    with Register(store, "slow", never, always, hold=True) as slow:
        assert slow.number(KK, "a", IN_MARCH, PLACE) == "KK-2026-01002"
        slow.reserve(3.0)
    with numbers(store) as found:
        assert [each.document for each in found.every()] == ["x", "a"]


def test_a_gap_that_others_left_is_not_filled_unseen(store: Path) -> None:
    """Numbers stay in the order of their reservation."""
    lax = Series("KK", "KK-{year}-{n:05}", may_skip=True)
    with Register(store, "slow", never, always) as slow:
        slow.number(KK, "a", IN_MARCH, PLACE)
        ask(store, "x", batch="quick", series=lax, number="KK-2026-01005")
        with pytest.raises(Overtaken):
            slow.reserve(2.0)


def test_a_void_number_seen_before_it_was_void_is_not_kept(store: Path) -> None:
    """Between the look and the reservation somebody declares it void."""
    ask(store, "a")
    with Register(store, "march", never, always) as register:
        register.number(KK, "a", {**IN_MARCH, "note": "new"}, PLACE)
        void(store, "KK-2026-01001")
        with pytest.raises(Overtaken):
            register.reserve(2.0)


def void(store: Path, *chosen: str, delivered: bool = False) -> None:
    """Declare numbers void."""
    with numbers(store) as found:
        found.void(chosen, "typed wrong", 2.0, delivered=delivered)


def test_void_is_a_state(store: Path) -> None:
    """The number stays with its reason, and its document gets the next one."""
    ask(store, "a", "b")
    void(store, "KK-2026-01001")
    assert ask(store, "a", "b") == ["KK-2026-01003", "KK-2026-01002"]
    with numbers(store) as found:
        first = next(found.every())
    assert (first.state, first.reason) == (Standing.VOID, "typed wrong")
    with pytest.raises(UsageError, match="void already"):
        void(store, "KK-2026-01001")
    with pytest.raises(UsageError, match="no document has the number 'KK-1'"):
        void(store, "KK-2026-01002", "KK-1")
    with numbers(store) as found:
        assert [each.state for each in found.every()].count(Standing.VOID) == 1


def test_content_may_change_until_it_is_delivered(store: Path) -> None:
    """Afterwards a credit note is the way, or a word in the manifest."""
    ask(store, "a", total="1")
    assert ask(store, "a", total="2") == ["KK-2026-01001"]
    assert ask(store, "a", total="2", style={"accent": "#000000"}, is_made=always)
    with pytest.raises(NumberRefused, match="delivered with other content"):
        ask(store, "a", total="3", is_made=always)
    deliver(store)
    with pytest.raises(NumberRefused, match="delivered with other content"):
        ask(store, "a", total="3")
    lax = Series("KK", "KK-{year}-{n:05}", may_change=True)
    assert ask(store, "a", total="3", series=lax) == ["KK-2026-01001"]
    assert ask(store, "a", total="3") == ["KK-2026-01001"]
    with pytest.raises(UsageError, match="credit note"):
        void(store, "KK-2026-01001")
    void(store, "KK-2026-01001", delivered=True)


def deliver(store: Path) -> None:
    """All numbers are of documents that were delivered."""
    with sqlite3.connect(store) as found:
        found.execute("UPDATE number SET state = 'delivered'")
    found.close()


def test_a_batch_of_the_same_name_is_another_batch(store: Path) -> None:
    """January's number of an id is not February's, though both are called alike."""
    ask(store, "a", total="1")
    assert ask(store, "a", total="1", is_ours=never) == ["KK-2026-01001"]
    with pytest.raises(NumberRefused, match="in a batch of this name"):
        ask(store, "a", total="2", is_ours=never)
    with numbers(store) as found:
        assert [each.document for each in found.every()] == ["a"]


def test_a_number_stays_in_its_period(store: Path) -> None:
    """A date in another year cannot have a number of this one."""
    ask(store, "a")
    with pytest.raises(NumberRefused, match="of 2026") as refused:
        ask(store, "a", issue_date="2027-01-01")
    assert refused.value.field == "issue_date"


@pytest.mark.parametrize("day", [None, "", "05.03.2026", 20260305])
def test_a_period_needs_a_date(store: Path, day: object) -> None:
    """The clock is never asked."""
    with pytest.raises(NumberRefused, match="issue_date must be a date") as refused:
        ask(store, "a", issue_date=day)
    assert refused.value.field == "issue_date"
    plain = Series("N", "{n}", Every.NONE)
    assert ask(store, "a", series=plain, issue_date=day) == ["1"]


def test_numbers_in_the_data_are_kept(store: Path) -> None:
    """They bind like the others, and who asks again must say the same."""
    assert ask(store, "a", number="KK-2026-01007") == ["KK-2026-01007"]
    assert ask(store, "a", "b") == ["KK-2026-01007", "KK-2026-01008"]
    with pytest.raises(NumberRefused, match="has KK-2026-01007"):
        ask(store, "a", number="KK-2026-01009")
    with pytest.raises(NumberRefused, match="E_DUPLICATE_NUMBER"):
        ask(store, "c", number="KK-2026-01007")
    for wrong in ("KK-2025-01009", "KK-2026-1009", "X", 7):
        with pytest.raises(NumberRefused, match="no number of series KK"):
            ask(store, "c", number=wrong)


def test_two_series_never_write_the_same_number(store: Path) -> None:
    """Even if somebody gives both the same format."""
    ask(store, "a")
    twin = Series("twin", "KK-{year}-{n:05}", start=1001)
    with pytest.raises(NumberRefused, match="taken by document a"):
        ask(store, "b", series=twin)


def gaps(store: Path, given: list[str], series: Series) -> list[str]:
    """What the end of a pass has to say against numbers from the data."""
    with Register(store, "march", never, always) as register:
        for n, number in enumerate(given):
            params = {**IN_MARCH, "number": number}
            register.number(series, f"g{n}", params, Place("r", n + 2, 1))
        return [f"{place.line}: {why}" for place, why, _ in register.problems()]


def test_gaps_are_told(store: Path) -> None:
    """Of numbers from the data, whatever their order; unless they may be."""
    ask(store, "a")
    far = ["KK-2026-01005", "KK-2026-01002", "KK-2026-01003"]
    assert gaps(store, far, KK) == [
        "2: KK-2026-01005 leaves a gap of 1 number before it in KK [E_NUMBER_GAP]"
    ]
    assert gaps(store, [*far, "KK-2026-01004"], KK) == []
    lax = Series("KK", "KK-{year}-{n:05}", may_skip=True)
    assert gaps(store, far, lax) == []
    for n, number in enumerate(far):
        ask(store, f"g{n}", series=lax, number=number)
    with numbers(store) as found:
        (gap,) = found.gaps()
    assert (gap.first, gap.last, gap.is_explained) == (1004, 1004, True)


def test_a_number_that_vanished_is_told(store: Path) -> None:
    """Nobody deletes numbers; who does it by hand is found out."""
    ask(store, "a", "b", "c")
    with sqlite3.connect(store) as found:
        found.execute("DELETE FROM number WHERE document = 'b'")
    found.close()
    with numbers(store) as opened:
        assert [each.is_explained for each in opened.gaps()] == [False]
    assert ask(store, "b") == ["KK-2026-01004"]


@pytest.mark.parametrize(
    ("text", "every", "why"),
    [
        ("KK-{year}", Every.YEAR, "{n} once"),
        ("{n}-{year}-{n}", Every.YEAR, "{n} once"),
        ("KK-{n}", Every.YEAR, "{year}"),
        ("{year}-{n}", Every.MONTH, "{month}"),
        ("{n}-{day}", Every.NONE, "allowed are"),
        ("{n:5x}", Every.NONE, "width"),
        ("{n:0}", Every.NONE, "width"),
        ("{year:4}-{n}", Every.YEAR, "width"),
        ("{n}}", Every.NONE, "brace"),
    ],
)
def test_a_format_must_tell_periods_apart(text: str, every: Every, why: str) -> None:
    """Else two years would have equal numbers."""
    with pytest.raises(SeriesError) as wrong:
        Series("S", text, every).check()
    assert why in str(wrong.value)


def test_a_number_is_read_as_it_was_written() -> None:
    """And nothing else is."""
    period = Period("2026", date(2026, 3, 5))
    assert KK.read("KK-2026-123456", period) == 123456
    for text in ("KK-2026-0123456", "KK-2026-1", "kk-2026-00001", "KK-2026-٠٠٠٠١"):
        assert KK.read(text, period) is None


def test_a_strangers_file_is_left_alone(store: Path) -> None:
    """It may be anything."""
    with pytest.raises(UsageError), numbers(store):
        pass
    store.write_bytes(b"a letter, not a database")
    with pytest.raises(MachineError):
        ask(store, "a")
    assert store.read_bytes() == b"a letter, not a database"
    store.unlink()
    sqlite3.connect(store).execute("CREATE TABLE mine(x)").connection.close()
    with pytest.raises(MachineError, match="no store of numbers"):
        ask(store, "a")


def test_a_store_tells_what_it_knows(store: Path) -> None:
    """Of one series or of all."""
    ask(store, "a")
    with numbers(store) as found:
        assert isinstance(found, NumberStore)
        (one,) = found.every("KK")
        assert list(found.every("other")) == []
    assert (one.n, one.batch, one.given, one.period) == (1001, "march", False, "2026")
