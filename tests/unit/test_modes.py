"""The choice of a mode, with its reason."""

import pytest

from orchestrator.model import Mode, Operation
from orchestrator.plan.modes import choose
from orchestrator.wire.flow import Thresholds

BY_SIZE = Thresholds()


@pytest.mark.parametrize(
    ("size", "mode", "reason"),
    [
        (0, Mode.SYNC, "0 bytes is up to 10 MB"),
        (24_475, Mode.SYNC, "24.5 kB is up to 10 MB"),
        (10_000_000, Mode.SYNC, "10.0 MB is up to 10 MB"),
        (
            10_000_001,
            Mode.ASYNC,
            "10,000,001 bytes is over 10 MB and up to 50 MB",
        ),
        (20_000_000, Mode.ASYNC, "20.0 MB is over 10 MB and up to 50 MB"),
        (50_000_000, Mode.ASYNC, "50.0 MB is over 10 MB and up to 50 MB"),
        (50_000_001, Mode.PRESIGNED, "50,000,001 bytes is over 50 MB"),
        (1_200_000_000, Mode.PRESIGNED, "1.2 GB is over 50 MB"),
    ],
)
def test_size_decides(size: int, mode: Mode, reason: str) -> None:
    """The thresholds belong to the smaller side."""
    choice = choose(size, Operation.CONVERT, None, BY_SIZE, {})
    assert (choice.mode, choice.reason) == (mode, reason)


def test_binary_thresholds_are_told_exactly() -> None:
    """A threshold that is no round number is not rounded."""
    choice = choose(5, Operation.CONVERT, None, Thresholds(1024, 2048), {})
    assert choice.reason == "5 bytes is up to 1,024 bytes"


def test_a_sync_threshold_above_the_other_leaves_no_room_for_async() -> None:
    """Only one of the two may be said in the manifest."""
    choice = choose(30, Operation.CONVERT, None, Thresholds(20, 10), {})
    assert choice.mode is Mode.PRESIGNED


def test_what_is_generated_sends_no_file() -> None:
    """There is nothing that could be too large."""
    choice = choose(0, Operation.GENERATE, None, Thresholds(0, 0), {})
    assert (choice.mode, choice.reason) == (Mode.SYNC, "no file to send")


def test_the_manifest_insists() -> None:
    """What is asked for wins over size and over preference."""
    choice = choose(1, Operation.CONVERT, Mode.PRESIGNED, BY_SIZE, {}, once=[Mode.SYNC])
    assert choice.mode is Mode.PRESIGNED
    assert choice.reason == "the manifest asks for it"


def test_what_a_provider_lacks_is_replaced_and_said() -> None:
    """Replacements are followed, and circles end."""
    lacks = {
        Mode.PRESIGNED: (Mode.ASYNC, "no storage"),
        Mode.ASYNC: (Mode.SYNC, "no queue"),
    }
    choice = choose(99_000_000, Operation.CONVERT, None, BY_SIZE, lacks)
    assert choice.mode is Mode.SYNC
    assert "presigned is not there (no storage): async" in choice.reason
    circle = {Mode.SYNC: (Mode.ASYNC, "x"), Mode.ASYNC: (Mode.SYNC, "y")}
    assert choose(1, Operation.CONVERT, None, BY_SIZE, circle).mode in Mode


def test_exactly_once_is_preferred_where_it_is_asked_for() -> None:
    """The mode by size stays where it is exactly once itself."""
    named = [Mode.PRESIGNED]
    choice = choose(1, Operation.CONVERT, None, BY_SIZE, {}, once=named)
    assert choice.mode is Mode.PRESIGNED
    assert choice.reason.endswith("but presigned is exactly once")
    same = choose(99_000_000, Operation.CONVERT, None, BY_SIZE, {}, once=named)
    assert same.reason == "99.0 MB is over 50 MB"
    none = choose(1, Operation.CONVERT, None, BY_SIZE, {}, once=[])
    assert (none.mode, "no mode here is exactly once" in none.reason) == (
        Mode.SYNC,
        True,
    )
