"""Output that outlives its reader: ``run | head`` must not end a batch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, TypeVar

T = TypeVar("T")


class Patient:
    """A text stream that goes on into nothing once nobody reads it any more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write; once the reader is gone, to nobody."""
        return self._try(lambda: self._stream.write(text))

    def flush(self) -> None:
        """Flush; once the reader is gone, to nobody."""
        self._try(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except BrokenPipeError:
            # What is buffered goes there too, also at the end of the process.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            return call()


@contextmanager
def patient() -> Iterator[None]:
    """Let what is said inside go on when its reader leaves."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Patient(out), Patient(err)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stdout, sys.stderr = out, err
