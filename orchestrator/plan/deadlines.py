"""When what waits at a provider is no longer obtainable; performs no I/O.

A job can be asked for as long as the provider keeps it (``Provider.retention``), a
result be fetched until its link or its file expires (``Result.expires``). Where those
figures come from is in docs/providers.md, section "Deadlines".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from orchestrator.model import Job, Phase, Progress

_OVER = (Phase.RELEASE, Phase.ENDED)
_UNSENT = (Phase.SUBMIT, Phase.UPLOAD)


@dataclass(frozen=True, slots=True)
class Flight:
    """A document in a job that was left; times are seconds since the epoch."""

    account: str
    document: str
    created: float
    intended: float | None
    progress: Progress

    def deadline(self, retention: float | None) -> float | None:
        """When it is no longer obtainable; ``retention`` is in seconds."""
        return deadline(
            self.progress,
            created=self.created,
            intended=self.intended,
            retention=retention,
        )


def deadline(
    progress: Progress,
    *,
    created: float,
    intended: float | None,
    retention: float | None,
) -> float | None:
    """When a job, or the first of its results to go, is no longer obtainable.

    ``None`` where nothing of it waits at the provider, or nobody knows how long.

    Args:
        progress: Where the job stands.
        created: When it was made.
        intended: When a request was sent whose outcome is not known.
        retention: Seconds for which the provider keeps jobs, if that is known.
    """
    if progress.phase in _OVER:
        return None
    left = [each for each in progress.results if each.saved is None]
    dates = [each.expires for each in left if each.expires is not None]
    if progress.phase is Phase.FETCH and dates:
        return min(dates)
    if retention is None or (progress.phase in _UNSENT and intended is None):
        return None
    return (created if intended is None else intended) + retention


def urgency(job: Job, progress: Progress, retention: float) -> float | None:
    """The order of downloads that are due together: the first to expire goes first.

    ``None`` for everything else, which has an order of its own.
    """
    if progress.phase is not Phase.FETCH:
        return None
    return deadline(progress, created=job.created, intended=None, retention=retention)


def is_spent(linked: float | None, now: float, life: float | None) -> bool:
    """Whether a link that was asked for at ``linked`` is too old to begin an upload.

    By our own clock alone, so that a wrong one on either side does no harm. A tenth of
    its life (``life``, seconds) is kept back for the beginning of the upload.
    """
    return linked is not None and life is not None and now - linked > 0.9 * life


# What a plan says...


@dataclass(frozen=True, slots=True)
class Due:
    """Documents of one account that a former run left at the provider.

    It never answered for ``unanswered`` of them, and may not have them. ``expired`` of
    them can no longer be had, ``gone`` is one of these; ``next`` is the next deadline
    (seconds since the epoch) and ``example`` whose it is.
    """

    account: str
    documents: int
    expired: int
    gone: str | None
    next: float | None
    example: str | None
    unanswered: int = 0


def dues(
    flights: Iterable[Flight], retentions: Mapping[str, float], now: float
) -> list[Due]:
    """What was left at each account, and by when it has to be fetched."""
    found: dict[str, Due] = {}
    for each in flights:
        until = each.deadline(retentions.get(each.account))
        if until is None:
            continue
        known = found.get(each.account) or Due(each.account, 0, 0, None, None, None)
        due = _with(known, each.document, until, now)
        more = each.intended is not None
        found[each.account] = replace(due, unanswered=known.unanswered + more)
    return [found[name] for name in sorted(found)]


def _with(known: Due, document: str, until: float, now: float) -> Due:
    is_gone = until <= now
    is_next = not is_gone and (known.next is None or until < known.next)
    return Due(
        known.account,
        known.documents + 1,
        known.expired + is_gone,
        known.gone or (document if is_gone else None),
        until if is_next else known.next,
        document if is_next else known.example,
    )


@dataclass(frozen=True, slots=True)
class Late:
    """Results that would expire before they can be fetched.

    So many ``documents`` may wait at the provider at once, which takes ``seconds`` to
    fetch at ``rate`` documents a second; results are kept for ``retention`` seconds.
    ``jobs`` in flight are as many as can be fetched in time.
    """

    account: str
    documents: int
    rate: float
    seconds: float
    retention: float
    jobs: int


def late(
    account: str, waiting: int, *, rate: float | None, retention: float
) -> Late | None:
    """Say that an account cannot fetch in time what may wait for it, or ``None``."""
    if not rate or waiting / rate <= retention:
        return None
    seconds = waiting / rate
    jobs = max(1, int(retention * rate))
    return Late(account, waiting, rate, seconds, retention, jobs)


def fetch_rate(
    rate: float | None, rates: Mapping[str, float], *, lane: str = "download"
) -> float | None:
    """Documents a second that can be fetched; ``None`` where nothing limits it.

    Each takes a poll and a download of the account's own rate, and one of the
    provider's rate for downloads, where it has such a lane.
    """
    known = [rate / 2] if rate else []
    if lane in rates:
        known.append(rates[lane])
    return min(known, default=None)


def iso(seconds: float) -> str:
    """A time as ISO 8601, in UTC: ``2026-01-31T12:00:00Z``."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    return text.replace("+00:00", "Z")
