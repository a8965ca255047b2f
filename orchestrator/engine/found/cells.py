"""Numbers in a row that have names: state that processes can share."""

from __future__ import annotations

from typing import Protocol


class Row(Protocol):
    """Numbers by place: a list, or memory that processes share."""

    def __getitem__(self, place: int, /) -> float: ...
    def __setitem__(self, place: int, number: float, /) -> None: ...
    def __len__(self) -> int: ...


class Block:
    """Some numbers of a row, from ``base`` on; its cells give them names."""

    __slots__ = ("base", "row")

    def __init__(self, row: Row, base: int = 0) -> None:
        self.row = row
        self.base = base


class Cell:
    """The name of one number of a block."""

    __slots__ = ("place",)

    def __init__(self, place: int) -> None:
        self.place = place

    def __get__(self, block: Block, owner: type) -> float:
        return block.row[block.base + self.place]

    def __set__(self, block: Block, number: float) -> None:
        block.row[block.base + self.place] = number
