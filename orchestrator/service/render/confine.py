"""Bonds of a worker process: it dies with its parent, and has no network."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGKILL when the parent ends, whatever we do then.

    The end of standard input tells an idle worker; one that is busy in C code would
    never read it. Where there is no such call, the end of input must do.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def cut_network() -> bool:
    """Leave for a network namespace with nothing in it, where the kernel allows.

    Converters are not meant to fetch; this is for one that does all the same.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    ways = (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET)
    return any(int(libc.unshare(flags)) == 0 for flags in ways)


def limit_memory(size: int) -> None:
    """Limit the address space, in bytes; what is over it fails or aborts."""
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
