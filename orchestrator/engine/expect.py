"""How long an account takes, as seen in this run, and when to ask for a job again."""

from __future__ import annotations

import random

from orchestrator.clock import Clock
from orchestrator.engine.kinds import Kind, Spell
from orchestrator.engine.work import Wait, Work
from orchestrator.model import Job, Phase
from orchestrator.wire.flow import Pace


class Times:
    """What an account was seen to take for each kind of work, and when to ask again."""

    def __init__(self, pace: Pace, clock: Clock, luck: random.Random) -> None:
        self._pace = pace
        self._clock = clock
        self._luck = luck
        self._kinds: dict[tuple[object, ...], Kind] = {}

    def wait(self, work: Work) -> Wait:
        """How long a job waits that was accepted, or was asked for and is not done."""
        now = self._clock.monotonic()
        if work.spell is None and not work.progress.polls:
            kind = self.kind(work.job)
            work.spell = Spell(kind, now, now)
            return self._wait(kind.begin(work.name), work.spell)
        return self.again(work)

    def again(self, work: Work) -> Wait:
        """How long a job waits on that is said not to be done."""
        now, work.echo = self._clock.monotonic(), None
        if work.spell is None:
            # A former run has waited for it.
            age = work.age(self._clock).likely(self._clock)
            work.spell = Spell(self.kind(work.job), now - age, now)
        spell, spell.asked = work.spell, now
        spell.polls += 1
        seconds = spell.kind.again(work.name, spell, self._luck.random())
        return self._wait(seconds, spell)

    def _wait(self, seconds: float | None, spell: Spell) -> Wait:
        if seconds is not None:
            return Wait(seconds)
        return Wait(max(0.0, spell.due() - self._clock.monotonic()), spell)

    def answered(self, work: Work, phase: Phase) -> None:
        """A poll was answered, and the job is in that phase now."""
        if phase is Phase.POLL:
            return
        if work.spell is not None and phase is Phase.FETCH:
            high = self._clock.monotonic() - work.spell.since
            is_told, luck = work.echo is not None, self._luck.random()
            work.spell.kind.learn(work.spell, high, luck, is_told=is_told)
        self.left(work)

    def left(self, work: Work) -> None:
        """A job waits for its end no more."""
        if work.spell is not None:
            work.spell.kind.left(work.name)
            work.spell = None

    def kind(self, job: Job) -> Kind:
        """What is known of work like this."""
        first = job.document
        key = (
            job.mode,
            first.operation,
            first.source,
            first.target,
            first.design,
            job.size.bit_length() // 2,
        )
        if key not in self._kinds:
            self._kinds[key] = Kind(self._pace)
        return self._kinds[key]
