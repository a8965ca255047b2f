"""Decides which call is hit, and counts what was done; performs no I/O.

The n-th call that a rule watches is hit or not by seed, rule and n alone, so that a
script does the same to the same calls in the same order.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from orchestrator.service.faults.script import NOTHING, Call, Fault, Phase, Rule, Script

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Watch:
    """A rule, its dice, and what it saw and did."""

    rule: Rule
    dice: random.Random
    seen: int = 0
    done: Counter[str] = field(default_factory=Counter)

    def pick(self, call: Call) -> Fault | None:
        able = self.rule.able(call)
        if not able:
            return None
        self.seen += 1
        # Both are drawn for each call: what comes later does not depend on the hit.
        luck, which = self.dice.random(), self.dice.random()
        if not self.rule.is_hit(self.seen, luck):
            return None
        return able[int(which * len(able))]


class Injector:
    """The rules of one script at work."""

    def __init__(self, script: Script = NOTHING) -> None:
        self._seed = script.seed
        self._calls = 0
        self._phases: dict[Phase, Counter[str]] = {}
        self._watches = [
            _Watch(rule, random.Random(f"{script.seed}/{n}"))  # noqa: S311  # dice
            for n, rule in enumerate(script.rules)
        ]

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing that it could do."""
        return not self._watches

    def pick(self, call: Call) -> Hit | None:
        """What is to go wrong with this call, if anything is."""
        if self.is_idle:
            return None
        self._calls += 1
        hits = [(each, each.pick(call)) for each in self._watches]
        for watch, fault in hits:
            if fault is not None:
                phase = self._phases.setdefault(call.phase, Counter())
                return Hit(call, fault, (watch.done, phase))
        return None

    def view(self) -> dict[str, Any]:
        """What was seen and done so far."""
        total: Counter[str] = Counter()
        for each in self._watches:
            total.update(each.done)
        return {
            "seed": None if self.is_idle else self._seed,
            "calls": self._calls,
            "injected": dict(sorted(total.items())),
            "phases": {
                phase: dict(sorted(counts.items()))
                for phase, counts in sorted(self._phases.items())
            },
            "rules": [
                {"seen": each.seen, "injected": dict(sorted(each.done.items()))}
                for each in self._watches
            ],
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """A call that is hit; ``note`` says that it really happened."""

    call: Call
    fault: Fault
    counts: tuple[Counter[str], ...] = ()

    def note(self) -> None:
        """Count it, and say so in the log."""
        name = self.fault.kind.value
        if self.fault.status:
            name += f"_{self.fault.status}"
        for each in self.counts:
            each[name] += 1
        call = self.call
        log.info("fault %s: %s %s (%s)", name, call.method, call.path, call.phase)
