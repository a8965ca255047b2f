"""What the soak calls growth (``benchmarks/soaking/gauge.py``)."""

from __future__ import annotations

import os

from benchmarks.soaking.gauge import Gauge, Mark, Sample, growth, resident

MB = 1_000_000


def sample(percent: float, engine: int, service: int = 90) -> Sample:
    """One moment, in megabytes."""
    return Sample(percent, engine * MB, service * MB, 0)


def test_a_mark_is_the_median_of_the_samples_before_it() -> None:
    """One high sample, and what came after, change nothing."""
    gauge = Gauge([sample(n, 70) for n in (6, 7, 9)])
    gauge.samples += [sample(8, 200), sample(11, 300), sample(98.7, 75)]
    assert gauge.marks()[0] == Mark(10, 70 * MB, 90 * MB, 0)
    assert gauge.marks()[-1] == Mark(100, 75 * MB, 90 * MB, 0)
    assert gauge.peak == 300 * MB


def test_a_batch_that_was_cut_short_has_a_mark_at_its_end() -> None:
    """Marks that were not reached are left out."""
    gauge = Gauge([sample(9, 70), sample(36, 71)])
    assert [each.percent for each in gauge.marks()] == [10, 36]


def test_growth_is_told_by_part() -> None:
    """Neither a few megabytes nor a few percent are growth."""
    first = Mark(10, 70 * MB, 200 * MB, 0)
    assert growth([]) == []
    assert growth([first, Mark(100, 90 * MB, 245 * MB, 0)]) == []
    (said,) = growth([first, Mark(50, 0, 0, 0), Mark(100, 120 * MB, 200 * MB, 0)])
    assert said == "the engine grew from 70 to 120 MB"
    (said,) = growth([first, Mark(100, 70 * MB, 270 * MB, 0)])
    assert said == "the service grew from 200 to 270 MB"


def test_memory_is_read_from_the_process() -> None:
    """This one has some; one that is gone has none."""
    assert resident(os.getpid()) > 10 * MB
    assert resident(2**22 + 1) == 0
