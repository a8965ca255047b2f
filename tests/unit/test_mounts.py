"""Network file systems are known by the name that the kernel gives them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.batch.folder import BatchFolder
from orchestrator.batch.mounts import file_system, is_network, kind_of
from orchestrator.clock import SystemClock
from orchestrator.errors import MachineError
from orchestrator.ledger.opening import elsewhere

MOUNTS = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /home rw - nfs4 server:/home rw,vers=4.2
31 30 0:41 / /home/me/local\040disk rw master:2 - xfs /dev/vdb rw
32 22 0:42 / /mnt rw - tmpfs tmpfs rw
33 32 0:43 / /mnt rw - fuse.sshfs me@host:/ rw
34 22 0:44 / /home2 rw - btrfs /dev/vdc rw
a line that is none
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/srv/x", "ext4"),
        ("/home/me/x", "nfs4"),
        ("/home/me/local disk/not/there", "xfs"),
        ("/mnt/x", "fuse.sshfs"),
        ("/home2/x", "btrfs"),
        ("/home", "nfs4"),
    ],
)
def test_the_deepest_and_last_mount_counts(place: str, kind: str) -> None:
    """Blanks in a mount point, one mount over another, a name that only begins so."""
    assert kind_of(Path(place), MOUNTS) == kind


def test_nothing_is_known_where_nothing_is_told() -> None:
    """Another system than Linux: nobody is refused for that."""
    assert kind_of(Path("/x"), "") is None
    BatchFolder(Path("/x")).require_local(lambda _: None)


def test_the_kernel_of_this_machine_is_understood(tmp_path: Path) -> None:
    """The real list, for a folder that does not exist yet."""
    if not Path("/proc/self/mountinfo").exists():
        pytest.skip("this machine is no Linux")
    assert file_system(Path("/proc/self")) == "proc"
    assert file_system(tmp_path / "not" / "there")


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.s3fs", "ceph"]
)
def test_a_network_file_system_is_refused(tmp_path: Path, kind: str) -> None:
    """With its name, and the way out."""
    with pytest.raises(MachineError, match=rf"{kind} is a network.*--state DIR"):
        BatchFolder(tmp_path).require_local(lambda _: kind)


def test_a_batch_that_has_begun_moves_as_a_whole(tmp_path: Path) -> None:
    """Without its ledger, all that is paid for would be paid for again."""
    folder = BatchFolder(tmp_path)
    folder.ledger.touch()
    with pytest.raises(MachineError, match="move the whole folder"):
        folder.require_local(lambda _: "nfs")
    (tmp_path / "lock").mkdir()
    with (
        pytest.raises(MachineError, match="paid for again") as told,
        folder.held(SystemClock()),
    ):
        pass
    assert "--state" not in str(told.value)
    folder.ledger.unlink()
    assert "--state DIR" in elsewhere(folder.ledger)
    assert "--state DIR" in elsewhere(tmp_path / "lock" / "not" / "there")


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "apfs", "zfs", "fuse.ntfs-3g"]
)
def test_a_local_one_is_not(tmp_path: Path, kind: str) -> None:
    """Also one that a process of this machine serves."""
    assert not is_network(kind)
    BatchFolder(tmp_path).require_local(lambda _: kind)
