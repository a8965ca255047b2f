"""Which kind of file system a folder lies on, as Linux tells it.

SQLite's write-ahead log needs memory that all its users share, and the batch lock needs
an operating system that sees every holder. A file system that other machines mount too
gives neither, often without a word, so it is known by its name and refused.
"""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

NETWORK = frozenset(
    {
        *("9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "glusterfs"),
        *("gfs2", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs"),
        *("panfs", "smb", "smb2", "smb3", "smbfs", "vboxsf", "vmhgfs", "wekafs"),
    }
)
"""Names of file systems that other machines may have mounted, too."""

_FUSE = re.compile(
    r"fuse\.(.*(sshfs|s3|rclone|gcsfuse|gcs|davfs|webdav|cifs|smb|nfs|gluster|ceph|moose"
    r"|lizard|juicefs|seaweed|weed|blobfuse|goofys|curlftpfs|vmhgfs|gvfsd|onedriver"
    r"|google-drive|alluxio|hdfs|lustre|beegfs|ipfs|xtreemfs|s3ql).*)"
)
_ESCAPED = re.compile(r"\\([0-7]{3})")


def is_network(kind: str) -> bool:
    """Whether a file system of this name is shared with other machines."""
    return kind in NETWORK or _FUSE.fullmatch(kind) is not None


def kind_of(place: Path, mounts: str) -> str | None:
    """The kind of file system that a place lies on; ``None`` if nothing tells.

    Args:
        place: Absolute, with links resolved; it need not exist.
        mounts: As ``/proc/self/mountinfo`` has it (man 5 proc): of several mounts on
            one point, the last is the one that is seen.
    """
    found, deepest = None, -1
    for line in mounts.split("\n"):
        head, dash, tail = line.partition(" - ")
        fields, kinds = head.split(" "), tail.split(" ")
        if not dash or len(fields) < 5 or not kinds[0]:
            continue
        point = Path(_plain(fields[4]))
        depth = len(point.parts)
        if depth >= deepest and place.is_relative_to(point):
            found, deepest = kinds[0], depth
    return found


def file_system(place: Path) -> str | None:
    """The kind of file system that a place lies on, or would; ``None`` if unknown."""
    try:
        mounts = MOUNTS.read_bytes().decode("utf-8", "surrogateescape")
        return kind_of(place.resolve(), mounts)
    except (OSError, RuntimeError):
        return None  # not Linux, or a circle of links: what opens it will say so


def _plain(text: str) -> str:
    """A mount point as it is: blanks and backslashes are written in octal."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
