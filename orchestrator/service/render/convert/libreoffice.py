"""Documents to PDF with a LibreOffice found on the machine, one start a document."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from orchestrator.service.render import faces, fonts, packed
from orchestrator.service.render.bench import Bench, output
from orchestrator.service.render.task import Answer, Task
from orchestrator.service.render.work import RenderError

_RESTART = 81
_TRIES = 3
_PR_SET_PDEATHSIG = 1
_VERSION = re.compile(r"LibreOffice ([\d.]+)")


def convert(task: Task, bench: Bench) -> Answer:
    """Let LibreOffice print a document, and try again once if it dies."""
    program = bench.setup.office
    if program is None:
        raise RenderError("unsupported", "LibreOffice was not found here")
    packed.check(Path(task.inputs[0]), task.source)
    profile = bench.scratch / f"office-{os.getpid()}"
    profile.mkdir(parents=True, exist_ok=True)
    _settle(profile)
    office = Office(program, profile, _fonts(bench.scratch), bench.setup.patience)
    _printed(task, office)
    return Answer((str(output(task)),), _made_by(program))


@dataclass(frozen=True, slots=True)
class Office:
    """A program, a profile of its own, a list of fonts, and seconds to wait."""

    program: str
    profile: Path
    fonts: Path
    patience: float


def _printed(task: Task, office: Office) -> None:
    """Run it until there is a file; a fresh profile makes it ask for a restart."""
    # A name of our own: one given by a stranger could be read as an option.
    source = Path(task.folder) / f"source.{task.source}"
    shutil.copyfile(task.inputs[0], source)
    made = source.with_suffix(".pdf")
    died = ""
    tries = 0
    while tries < _TRIES:
        tries += 1
        try:
            status = _run(office, source)
        except subprocess.TimeoutExpired:
            died = f"took more than {office.patience:g} s"
            tries += 1
            continue
        if made.is_file() and made.stat().st_size:
            made.rename(output(task))
            source.unlink()
            return
        if status == 0:
            # It could not load the file, and says so with success.
            raise RenderError(
                "damaged_file", f"LibreOffice cannot open this {task.source} file"
            )
        if status != _RESTART:
            died = f"ended with {status}"
            tries += 1
    raise RenderError("converter_died", f"LibreOffice {died}")


def _run(office: Office, source: Path) -> int:
    command = [
        office.program,
        f"-env:UserInstallation={(office.profile / 'user').as_uri()}",
        "--headless",
        "--norestore",
        "--nolockcheck",
        "--nodefault",
        "--nofirststartwizard",
        "--convert-to",
        "pdf",
        "--outdir",
        str(source.parent),
        str(source),
    ]
    # Only what was asked for is started, and it ends with this process.
    with subprocess.Popen(  # noqa: S603 -- found by us, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "FONTCONFIG_FILE": str(office.fonts)},  # noqa: TID251
        preexec_fn=_die_with_us,  # noqa: PLW1509 -- this process has one thread
    ) as process:
        try:
            return process.wait(office.patience)
        except BaseException:
            with suppress(ProcessLookupError):
                process.kill()
            raise


def _die_with_us() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _settle(profile: Path) -> None:
    """Forbid macros, links and the network in a new profile."""
    file = profile / "user" / "user" / "registrymodifications.xcu"
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    settings = "".join(
        f'<item oor:path="/org.openoffice.{path}"><prop oor:name="{name}"'
        f' oor:op="fuse"><value>{value}</value></prop></item>'
        for path, name, value in _STRICT
    )
    file.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><oor:items'
        ' xmlns:oor="http://openoffice.org/2001/registry"'
        ' xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        f"{settings}</oor:items>",
        encoding="utf-8",
    )


_STRICT = (
    ("Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("Office.Common/Security/Scripting", "DisableActiveContent", "true"),
    ("Office.Writer/Content/Update", "Link", "0"),
    ("Office.Calc/Content/Update", "Link", "1"),
    ("Office.Calc/Formula/Load", "OOXMLRecalcMode", "0"),
    ("Office.Calc/Formula/Load", "ODFRecalcMode", "0"),
)


@cache
def _made_by(program: str) -> str:
    """Name and version, as the program tells."""
    with suppress(OSError, subprocess.SubprocessError):
        told = subprocess.run(  # noqa: S603 -- found by us, no shell
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        version = _VERSION.search(told.stdout)
        return f"libreoffice {version[1]}" if version else "libreoffice"
    return "libreoffice"


def _fonts(scratch: Path) -> Path:
    """A list of font folders: the machine's own, then those that we bring."""
    file = scratch / "fonts.conf"
    if not file.exists():
        folders = "".join(
            f"<dir>{escape(str(each))}</dir>"
            for each in (faces.made(scratch), *fonts.folders())
        )
        draft = scratch / f"fonts-{os.getpid()}.conf"
        draft.write_text(
            '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
            '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>'
            f"{folders}<cachedir>{escape(str(scratch / 'fontcache'))}</cachedir>"
            "</fontconfig>",
            encoding="utf-8",
        )
        draft.replace(file)
    return file
