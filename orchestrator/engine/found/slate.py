"""Where the cells of an account stand: of one process, or shared by several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from orchestrator.engine.found.cells import Block, Cell, Row
from orchestrator.engine.found.rate import Rate
from orchestrator.engine.found.width import Width

LANES = 8
"""Lanes of one provider that are told apart."""
SEATS = 32
"""Processes that can share an account."""


class Head(Block):
    """What concerns all requests of an account."""

    SIZE = 8

    paused = Cell(0)
    """Until when nothing is sent, because a reply asked for that."""
    verdict = Cell(1)
    """When a refusal was judged last: those of older requests are no news."""
    width = Cell(2)
    """The smallest ceiling of requests at once."""
    rate = Cell(3)
    """The smallest ceiling of requests a second; 0 = none."""
    next = Cell(4)
    """When the next request may leave by that."""
    served = Cell(5)
    """The seat that took the last place."""
    census = Cell(6)
    """Counts who came and went."""
    noted = Cell(7)
    """The width that was last told of."""


class Seat(Block):
    """One process that uses an account."""

    SIZE = 6

    busy = Cell(0)
    """Its requests on the wire."""
    hungry = Cell(1)
    """When it last found no place."""
    beat = Cell(2)
    """When it was last seen to run."""
    width = Cell(3)
    """The ceilings that it was told."""
    rate = Cell(4)


WIDTH_AT = Head.SIZE
LANES_AT = WIDTH_AT + Width.SIZE
SEATS_AT = LANES_AT + LANES * Rate.SIZE
SIZE = SEATS_AT + SEATS * Seat.SIZE


def begin(row: Row, now: float) -> None:
    """A row that knows nothing and seats nobody."""
    for place in range(SIZE):
        row[place] = 0.0
    Head(row).verdict = -1.0
    Width(row, WIDTH_AT).begin(now)
    for lane in range(LANES):
        Rate(row, LANES_AT + lane * Rate.SIZE).begin(now)


def seat(row: Row, number: int) -> Seat:
    """A seat of a row."""
    return Seat(row, SEATS_AT + number * Seat.SIZE)


class Slate(Protocol):
    """A row of ``SIZE`` numbers, and a seat at it."""

    @property
    def row(self) -> Row:
        """The numbers."""
        ...

    @property
    def mine(self) -> int:
        """The number of our seat."""
        ...

    def lock(self) -> bool:
        """Keep others out for some microseconds; says whether that was possible."""
        ...

    def unlock(self) -> None:
        """Let others in."""
        ...

    def taken(self, now: float) -> Sequence[int]:
        """The seats that are taken, ours among them; called with the lock held."""
        ...


class OwnSlate:
    """The slate of a process that shares nothing."""

    def __init__(self, now: float) -> None:
        self.row: Row = [0.0] * SIZE
        self.mine = 0
        begin(self.row, now)

    def lock(self) -> bool:
        """Nobody else is there."""
        return True

    def unlock(self) -> None:
        """Nobody waits."""

    def taken(self, now: float) -> Sequence[int]:  # noqa: ARG002  # the port's signature
        """Ours."""
        return (0,)
