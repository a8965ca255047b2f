"""``resolve``: the user decides about documents that no run can settle."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from orchestrator.batch.accounts import servers_of
from orchestrator.batch.folder import folder_of
from orchestrator.batch.resolve import Resolved, Selection, resolving
from orchestrator.cli.common import (
    accounts_in,
    echo_json,
    json_option,
    manifest_argument,
    named,
    state_option,
)
from orchestrator.errors import Exit, UsageError
from orchestrator.ledger.decide import DECIDABLE, Decision
from orchestrator.model import State
from orchestrator.report.decision import question, resolved_lines


@click.command("resolve")
@manifest_argument
@click.argument("names", nargs=-1, metavar="[ID|GLOB]...")
@click.option(
    "--resubmit",
    is_flag=True,
    help="Open them again as new work; a provider may bill them a second time.",
)
@click.option(
    "--mark-done",
    is_flag=True,
    help="You have the output: it is checked under its name, and counts as done.",
)
@click.option(
    "--give-up", is_flag=True, help="They have failed for good, with code given_up."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="With --mark-done and one document: copy this file under its name.",
)
@click.option(
    "--in",
    "only_states",
    multiple=True,
    type=click.Choice([*map(str, DECIDABLE), str(State.FAILED)]),
    help="Only documents in this state; may be given several times. Failed ones go "
    "with --mark-done.",
)
@click.option("--code", metavar="CODE", help="Only documents with this code.")
@click.option("--all", "is_all", is_flag=True, help="All that need a decision.")
@click.option("--yes", is_flag=True, help="Do not ask before paying twice.")
@state_option
@json_option
def resolve_command(
    manifest: Path,
    names: tuple[str, ...],
    state: Path | None,
    *,
    resubmit: bool,
    mark_done: bool,
    give_up: bool,
    output: Path | None,
    only_states: tuple[str, ...],
    code: str | None,
    is_all: bool,
    yes: bool,
    as_json: bool,
) -> Exit:
    """Decide about documents that are in doubt, overdue, lost or missing.

    And about those that are open, and were left at an account or an address that the
    manifest does not have any more.

    `orchestrator status MANIFEST --attention` lists them with all that is known.
    Run the manifest once more before you decide: whatever a provider can be asked
    is asked by every run, and costs nothing.

    \b
    --resubmit   sends it anew. What was sent before may have been billed.
    --mark-done  takes the file under the output's name for the result, once it
                 was checked as a document; --output FILE puts it there. Also for
                 documents that failed, and were made in another way: name their
                 ids, or say --in failed.
    --give-up    ends it as failed; what is known of it is kept.
    """  # noqa: D301  # \b is click's mark for text that is not wrapped
    decision = _decision(resubmit=resubmit, mark_done=mark_done, give_up=give_up)
    if not (names or only_states or code or is_all):
        raise UsageError("say which documents: ids, patterns, --in, --code or --all")
    if output is not None and decision is not Decision.MARKED_DONE:
        raise UsageError("--output goes with --mark-done")
    states = frozenset(map(State, only_states)) or frozenset(DECIDABLE)
    if State.FAILED in states and decision is not Decision.MARKED_DONE:
        raise UsageError(
            "--in failed goes with --mark-done; `orchestrator retry --failed` asks for "
            "them again"
        )
    folder = folder_of(manifest.absolute(), state)
    selection = Selection(names, states, code)
    accounts = accounts_in(manifest)
    here = None if accounts is None else servers_of(accounts)
    with resolving(folder, decision, selection, output=output, here=here) as (
        resolved,
        write,
    ):
        asks = decision is Decision.RESUBMITTED and not (yes or as_json)
        is_asked = asks and resolved.documents and sys.stdin.isatty()
        if is_asked and not click.confirm(question(resolved.states)):
            click.echo("nothing was decided")
            return Exit.USAGE
        write()
    _show(named(manifest, state), resolved, as_json=as_json)
    return Exit.DONE


def _decision(*, resubmit: bool, mark_done: bool, give_up: bool) -> Decision:
    said = {
        Decision.RESUBMITTED: resubmit,
        Decision.MARKED_DONE: mark_done,
        Decision.GIVEN_UP: give_up,
    }
    chosen = [decision for decision, is_said in said.items() if is_said]
    if len(chosen) != 1:
        raise UsageError("say one of --resubmit, --mark-done and --give-up")
    return chosen[0]


def _show(place: Sequence[str], resolved: Resolved, *, as_json: bool) -> None:
    if as_json:
        echo_json(
            "resolved",
            decision=resolved.decision,
            documents=resolved.documents,
            states=resolved.states,
            already=list(resolved.already),
        )
        return
    already = len(resolved.already)
    for line in resolved_lines(str(resolved.decision), resolved.states, already, place):
        click.echo(line)
