"""``numbers``: what a store of numbers knows, and the one change that it allows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from orchestrator.cli.common import echo_json, json_option
from orchestrator.clock import SystemClock
from orchestrator.errors import Exit
from orchestrator.ledger.numbers import Gap, Numbered, Standing, numbers
from orchestrator.report.units import number as counted

_STORE = click.argument("store", type=click.Path(path_type=Path), metavar="STORE")


@click.group("numbers")
def numbers_command() -> None:
    """Look at the numbers that documents got from series.

    STORE is the file that keeps them: numbers.sqlite beside the manifest, if the
    manifest does not name another.
    """


@numbers_command.command("list")
@_STORE
@click.option("--series", metavar="NAME", help="Only numbers of this series.")
@json_option
def list_command(store: Path, series: str | None, *, as_json: bool) -> Exit:
    """Print every number with its document and what became of it."""
    with numbers(store) as found:
        for each in found.every(series):
            if as_json:
                echo_json("number", **_fields(each))
            else:
                click.echo(_line(each))
    return Exit.DONE


@numbers_command.command("void")
@_STORE
@click.argument("chosen", nargs=-1, required=True, metavar="NUMBER...")
@click.option(
    "--reason", required=True, metavar="TEXT", help="Why; it is kept with the number."
)
@click.option(
    "--delivered", is_flag=True, help="Also numbers of documents that were delivered."
)
@json_option
def void_command(
    store: Path, chosen: tuple[str, ...], reason: str, *, delivered: bool, as_json: bool
) -> Exit:
    """Declare numbers void.

    A void number stays in the store with its reason and is never given again. Its
    document gets a new number at the next run, if it is still in a manifest.
    """
    now = SystemClock().now()
    with numbers(store) as found:
        for each in found.void(chosen, reason, now, delivered=delivered):
            if as_json:
                echo_json("void", number=each.number, reason=reason)
            else:
                click.echo(f"{each.number} is void: {reason}")
    return Exit.DONE


@numbers_command.command("check")
@_STORE
@json_option
def check_command(store: Path, *, as_json: bool) -> Exit:
    """Explain every gap: void numbers, and numbers that nobody has.

    Ends with 3 if there is a gap that nothing explains.
    """
    states = dict.fromkeys(Standing, 0)
    unexplained = 0
    with numbers(store) as found:
        for each in found.every():
            states[each.state] += 1
            if each.state is not Standing.DELIVERED:
                _tell(each, as_json=as_json)
        for gap in found.gaps():
            unexplained += not gap.is_explained
            _tell_gap(gap, as_json=as_json)
    if as_json:
        echo_json("check", **states, unexplained=unexplained)
    else:
        parts = ", ".join(f"{count:,} {state}" for state, count in states.items())
        gaps = counted(unexplained, "gap") if unexplained else "no gap"
        click.echo(f"{counted(sum(states.values()), 'number')}: {parts}")
        click.echo(f"{gaps} without an explanation")
    return Exit.SOME_FAILED if unexplained else Exit.DONE


def _tell(each: Numbered, *, as_json: bool) -> None:
    if as_json:
        echo_json("number", **_fields(each))
    elif each.state is Standing.VOID:
        click.echo(f"{each.number}: void since {_when(each.voided)}, {each.reason}")
    else:
        click.echo(
            f"{each.number}: reserved on {_when(each.reserved)} for {each.document} "
            f"of batch {each.batch}, not delivered yet"
        )


def _tell_gap(gap: Gap, *, as_json: bool) -> None:
    missing = gap.last - gap.first + 1
    after = gap.after
    if as_json:
        echo_json(
            "gap",
            series=gap.series,
            period=gap.period,
            first=gap.first,
            last=gap.last,
            before=after.number,
            explained=gap.is_explained,
        )
        return
    why = "nobody took them from here: was the store copied or changed by hand?"
    if gap.is_explained:
        why = f"the data of {after.document} (batch {after.batch}) gave its number"
    click.echo(f"{counted(missing, 'number')} missing before {after.number}: {why}")


def _line(each: Numbered) -> str:
    note = f"  {each.reason}" if each.reason else ""
    return f"{each.number}  {each.state:<9}  {each.batch}: {each.document}{note}"


def _fields(each: Numbered) -> dict[str, object]:
    return {
        "number": each.number,
        "series": each.series,
        "period": each.period,
        "state": each.state,
        "batch": each.batch,
        "document": each.document,
        "given": each.given,
        "reserved": each.reserved,
        "delivered": each.delivered,
        "voided": each.voided,
        "reason": each.reason,
    }


def _when(seconds: float | None) -> str:
    if seconds is None:
        return "an unknown day"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
