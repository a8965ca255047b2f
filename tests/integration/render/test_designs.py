"""Designs: trusted ones in threads, others in processes that can be killed."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.service.render.rendering import Rendering, RenderSettings
from orchestrator.service.render.work import Rendered, RenderError, Work
from tests.integration.render import documents
from tests.integration.render.bench import words

TEMPLATE = """
#let data = json("data.json")
#set document(title: data.name)
#set text(font: ("Noto Sans", "Noto Sans CJK JP"))
= #data.name
#image("logo.png", width: 2cm)
"""


class DesignError(Exception):
    """Data or a reference that a design does not take."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass
class Design:
    """A design with one field."""

    root: Path
    shipped: bool
    main: str = "main.typ"
    standards: tuple[str, ...] = ()
    threads: set[str] | None = None

    def prepare(self, params: Mapping[str, Any]) -> Mapping[str, bytes]:
        """The data as JSON."""
        if "name" not in params:
            raise DesignError(["name is missing"])
        if self.threads is not None:
            self.threads.add(threading.current_thread().name)
        return {"data.json": json.dumps(dict(params)).encode()}

    def timestamp(self, params: Mapping[str, Any]) -> int:
        """A day."""
        return 1_700_000_000

    def problems(self, params: Mapping[str, Any], target: str) -> Sequence[object]:
        """Nothing."""
        return ()

    def e_invoice(self, params: Mapping[str, Any]) -> None:
        """None."""


@dataclass
class Studio:
    """A renderer with designs that a test may write."""

    renderer: Rendering
    designs: dict[str, Design]
    folder: Path

    def design(self, name: str, template: str = TEMPLATE, **more: Any) -> Design:
        """Write a design."""
        root = self.folder / name
        root.mkdir()
        (root / "main.typ").write_text(template)
        (root / "logo.png").write_bytes(documents.picture("PNG"))
        more.setdefault("shipped", False)
        self.designs[name] = Design(root, **more)
        return self.designs[name]

    def work(self, name: str, params: Mapping[str, Any]) -> Work:
        """A work with that design."""
        folder = self.folder / f"out-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        return Work("generate", [], [], "", "pdf", folder, params, name)

    async def make(self, ref: str, /, **params: Any) -> Rendered:
        """Generate a document."""
        return await self.renderer.make(self.work(ref, params))


@pytest.fixture
async def studio(scratch: Path, tmp_path: Path) -> AsyncIterator[Studio]:
    """A studio without designs yet."""
    designs: dict[str, Design] = {}

    def find(ref: str, folders: Sequence[Path]) -> Design:
        if ref not in designs:
            raise DesignError([f"no design {ref}"])
        return designs[ref]

    settings = RenderSettings(
        scratch=scratch, workers=2, time_limit=4, libreoffice=False
    )
    renderer = Rendering(settings, find)
    await renderer.start()
    yield Studio(renderer, designs, tmp_path)
    await renderer.close()


@pytest.mark.parametrize("shipped", [True, False])
async def test_a_design_is_filled(shipped: bool, studio: Studio) -> None:  # noqa: FBT001
    """The same bytes for the same data, wherever it runs."""
    studio.design("card", shipped=shipped)
    made = await studio.make("card", name=f"Name {documents.CJK} {documents.MORE}")
    assert [each.name for each in made.files] == ["document.pdf"]
    found = words(made.files[0].path)
    assert documents.CJK in found
    assert documents.MORE in found
    assert made.converter.startswith("typst ")
    again = await studio.make("card", name=f"Name {documents.CJK} {documents.MORE}")
    assert again.files[0].path.read_bytes() == made.files[0].path.read_bytes()


async def test_thread_and_process_make_the_same(studio: Studio) -> None:
    """Trust changes where a design runs, not what it makes."""
    studio.design("ours", shipped=True)
    studio.design("theirs", shipped=False)
    made = [await studio.make(each, name="x") for each in ("ours", "theirs")]
    first, second = (each.files[0].path.read_bytes() for each in made)
    assert first == second


async def test_data_is_no_markup(studio: Studio) -> None:
    """What a customer is called cannot run."""
    studio.design("card", shipped=True)
    name = '#read("main.typ") *bold* $x$ #panic()'
    made = await studio.make("card", name=name)
    assert "".join(name.split()) in words(made.files[0].path)


async def test_many_at_once_keep_their_data_apart(studio: Studio) -> None:
    """Compilers belong to threads."""
    threads: set[str] = set()
    studio.design("card", shipped=True, threads=threads)
    names = [f"customer{n}end" for n in range(40)]
    made = await asyncio.gather(*(studio.make("card", name=name) for name in names))
    for name, each in zip(names, made, strict=True):
        assert name in words(each.files[0].path)
    assert threads
    assert threads <= {"typst_0", "typst_1"}


async def test_bad_data_is_an_error_of_the_document(studio: Studio) -> None:
    """With the design's own words."""
    studio.design("card", shipped=True)
    with pytest.raises(RenderError, match="name is missing") as failed:
        await studio.make("card")
    assert failed.value.code == "bad_params"


async def test_an_unknown_design_is_objected_to(studio: Studio) -> None:
    """Before anything is done."""
    objection = studio.renderer.objection(studio.work("nothing@1", {}))
    assert objection is not None
    assert objection.code == "not_found"
    studio.design("card")
    assert studio.renderer.objection(studio.work("card", {"name": "x"})) is None


async def test_a_template_with_a_fault_is_explained(studio: Studio) -> None:
    """The compiler's message arrives."""
    for shipped in (True, False):
        name = f"faulty-{shipped}"
        studio.design(name, '#json("data.json").absent', shipped=shipped)
        with pytest.raises(RenderError, match="absent") as failed:
            await studio.make(name, name="x")
        assert failed.value.code == "render_failed"


@pytest.mark.parametrize(
    "reading",
    [
        '#read("/etc/hostname")',
        '#read("../secret.txt")',
        '#read("../../../../../../../../etc/hostname")',
        '#include "../secret.txt"',
        '#image("../logo.png")',
    ],
)
async def test_a_design_reads_only_its_own_folder(reading: str, studio: Studio) -> None:
    """Neither by absolute paths nor by climbing out."""
    (studio.folder / "secret.txt").write_text("topsecretword")
    studio.design("nosy", reading)
    with pytest.raises(RenderError) as failed:
        await studio.make("nosy", name="x")
    assert failed.value.code == "render_failed"


async def test_a_design_with_links_is_refused(studio: Studio) -> None:
    """Typst would follow them out of the folder."""
    (studio.folder / "secret.txt").write_text("topsecretword")
    design = studio.design("linked", '#read("inside.txt")')
    (design.root / "inside.txt").symlink_to(studio.folder / "secret.txt")
    with pytest.raises(RenderError, match="symbolic link"):
        await studio.make("linked", name="x")


@pytest.mark.parametrize(
    "template",
    [
        '#import "@preview/cetz:0.3.0": *',
        '#import ("@pre" + "view/cetz:0.3.0"): *',
    ],
)
async def test_packages_are_not_downloaded(
    template: str, studio: Studio, scratch: Path
) -> None:
    """Not even when the name is put together."""
    studio.design("shopping", template)
    with pytest.raises(RenderError) as failed:
        await studio.make("shopping", name="x")
    assert failed.value.code == "render_failed"
    assert list((scratch / "packages").iterdir()) == []


async def test_an_endless_design_is_killed(studio: Studio) -> None:
    """And the next one is made."""
    loop = "#let n = 0\n" + "#for a in range(9999) { for b in range(9999) { n += 1 } }"
    studio.design("endless", loop)
    studio.design("card")
    with pytest.raises(RenderError) as failed:
        await studio.make("endless", name="x")
    assert failed.value.code == "time_limit"
    await studio.make("card", name="x")


async def test_a_greedy_design_takes_only_itself(studio: Studio) -> None:
    """Its process may abort."""
    studio.design("greedy", "#let a = ([],) * 1000000000")
    with pytest.raises(RenderError) as failed:
        await studio.make("greedy", name="x")
    assert failed.value.code in {"memory_limit", "converter_died"}
