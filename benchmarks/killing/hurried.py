"""The command, with the waits and rates that a rehearsal has.

Run as ``python -m benchmarks.killing.hurried run m.yaml``. Everything else is the
command itself: a service on this machine needs no waits for a network's sake.
"""

from dataclasses import replace

from orchestrator.batch import accounts
from orchestrator.batch.rehearsal import hurried
from orchestrator.cli import main
from orchestrator.wire.flow import Provider

PATIENCE = 5.0
"""Seconds for which a webhook of a lost reply is waited for."""


def impatient(provider: Provider) -> Provider:
    """The provider as it is rehearsed, and with less patience for webhooks."""
    adoption = provider.adoption
    if adoption is not None:
        adoption = replace(adoption, patience=PATIENCE)
    return replace(hurried(provider), adoption=adoption)


if __name__ == "__main__":
    local, reportflow, compdf, convertapi = map(impatient, accounts.OURS)
    accounts.OURS = (local, reportflow, compdf, convertapi)
    main()
