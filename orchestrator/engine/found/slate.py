"""Where the cells of an account stand: of one process, or shared by several."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import Array, Structure
from typing import Protocol

from orchestrator.engine.found.cells import cells, clear
from orchestrator.engine.found.rate import Rate
from orchestrator.engine.found.width import Width

LANES = 8
"""Lanes of one provider that are told apart."""
SEATS = 32
"""Processes that can share an account."""


@cells()
class Head(Structure):
    """What concerns all requests of an account."""

    paused: float
    """Until when nothing is sent, because a reply asked for that."""
    verdict: float
    """When a refusal was judged last: those of older requests are no news."""
    width: float
    """The smallest ceiling of requests at once."""
    rate: float
    """The smallest ceiling of requests a second; 0 = none."""
    next: float
    """When the next request may leave by that."""
    served: float
    """The seat that took the last place."""
    census: float
    """Counts who came and went."""
    noted: float
    """The width that was last told of."""


@cells()
class Seat(Structure):
    """One process that uses an account."""

    busy: float
    """Its requests on the wire."""
    hungry: float
    """When it last found no place."""
    beat: float
    """When it was last seen to run."""
    width: float
    """The ceilings that it was told."""
    rate: float


class Cells(Structure):
    """All that is known of an account."""

    _fields_ = (
        ("head", Head),
        ("width", Width),
        ("lanes", Rate * LANES),
        ("seats", Seat * SEATS),
    )
    head: Head
    width: Width
    lanes: Array[Rate]
    seats: Array[Seat]

    def begin(self, now: float) -> None:
        """Know nothing, and seat nobody."""
        clear(self)
        self.head.verdict = -1.0
        self.width.begin(now)
        for lane in self.lanes:
            lane.begin(now)


class Slate(Protocol):
    """The cells of an account, and a seat at it."""

    @property
    def cells(self) -> Cells:
        """What is known."""
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
        self.cells = Cells()
        self.mine = 0
        self.cells.begin(now)

    def lock(self) -> bool:
        """Nobody else is there."""
        return True

    def unlock(self) -> None:
        """Nobody waits."""

    def taken(self, now: float) -> Sequence[int]:  # noqa: ARG002  # the port's signature
        """Ours."""
        return (0,)
