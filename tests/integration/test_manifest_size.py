"""Large manifests: flat memory, measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

MEASURE = """
import re, sys
from pathlib import Path
from orchestrator.manifest import load_manifest
count = load_manifest(Path(sys.argv[1])).validate()
# ru_maxrss would count what the forking parent held, too.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(count, int(peak[1]) // 1024)
"""


def measured(path: Path) -> tuple[int, int]:
    """Documents of a manifest, and the peak memory in MiB of their validation."""
    command = [sys.executable, "-c", MEASURE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, peak = map(int, done.stdout.split())
    return count, peak


@pytest.mark.timeout(60)
def test_memory_does_not_grow_with_the_documents(tmp_path: Path) -> None:
    """Eight times the documents take the same memory."""
    (tmp_path / "a.txt").write_text("a")
    peaks = []
    for count in (1_000, 8_000):
        path = tmp_path / f"m{count}.yaml"
        entries = "".join(f"- {{id: d{n}, input: a.txt}}\n" for n in range(count))
        path.write_text(f"documents:\n{entries}version: 1\n")
        found, peak = measured(path)
        assert found == count
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 25
    assert peaks[1] < 120
