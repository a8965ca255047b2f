"""Manifests into documents."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from orchestrator.errors import ManifestError, Place, UsageError
from orchestrator.manifest import Manifest, json_schema, load_manifest
from orchestrator.model import Document, Mode, Operation
from orchestrator.settings import Prefer

Make = Callable[..., Manifest]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a manifest with the files that it names, and load it."""

    def made(text: str, **files: str) -> Manifest:
        for name, content in {"a.docx": "a", "b.pdf": "bb", "c.png": "c"}.items():
            (tmp_path / name).write_text(content)
        for name, content in files.items():
            (tmp_path / name.replace("__", ".")).write_text(content)
        path = tmp_path / "m.yaml"
        path.write_text("version: 1\n" + text, "utf-8")
        return load_manifest(path)

    return made


def documents(manifest: Manifest) -> list[Document]:
    """All documents of a manifest without faults."""
    return list(manifest.documents())


@pytest.mark.parametrize(
    ("entry", "output"),
    [
        ("id: x, input: b.pdf, to: png", "out/x-{n:03}.png"),
        ("id: x, input: b.pdf, operation: split", "out/x-{n:03}.pdf"),
        ("id: x, input: b.pdf, to: png, output: 'o/'", "o/x-{n:03}.png"),
        ("id: x, input: b.pdf, to: png, output: 'o/{id}/{n}.{ext}'", "o/x/{n}.png"),
        ("id: x, input: c.png, to: jpg", "out/x.jpg"),
        ("id: x, input: a.docx, output: 'o/'", "o/x.pdf"),
        ("id: a/b, input: a.docx", "out/a-b.pdf"),
        ("id: 'a{n}', input: a.docx", "out/a-n-.pdf"),
        ("id: x, input: a.docx, output: '{stem}+{name}.{ext}'", "a+a.docx.pdf"),
        ("id: x, input: a.docx, output: ../o.pdf", "../o.pdf"),
        ("id: x, input: a.docx, to: JPEG, output: '{id}{n}.{ext}'", "x{n}.jpg"),
        ("id: 2024, input: a.docx", "out/2024.pdf"),
        ("id: 1.10, input: a.docx", "out/1.10.pdf"),
        ("id: 007, input: a.docx", "out/007.pdf"),
        ("id: no, input: a.docx", "out/no.pdf"),
        ("id: 发票, input: a.docx", "out/发票.pdf"),
    ],
)
def test_outputs_follow_their_patterns(
    make: Make, tmp_path: Path, entry: str, output: str
) -> None:
    """A value never adds a folder, and never a field."""
    (document,) = documents(make(f"documents: [{{{entry}}}]"))
    name = output.removeprefix("../")
    folder = tmp_path if name == output else tmp_path.parent
    assert document.output == f"{folder}/{name}"


def test_defaults_stand_below_entries_and_rows_above(make: Make) -> None:
    """Mappings are merged at every depth."""
    text = """
defaults: {priority: 5, mode: async, params: {a: {x: 1, y: 1.50}, b: 1}}
documents:
  - {id: one, input: a.docx, params: {a: {x: 2}}, mode: auto}
  - {rows: r.jsonl, key: id, design: d@1, params: {c: {z: 1}}, priority: 0}
"""
    one, row = documents(make(text, r__jsonl='{"id": "r", "c": {"q": 2.50}}'))
    assert one.params == {"a": {"x": 2, "y": Decimal("1.50")}, "b": 1}
    assert (one.asked, one.priority) == (None, 5)
    assert row.params["c"] == {"z": 1, "q": Decimal("2.50")}
    assert str(row.params["c"]["q"]) == "2.50"
    assert (row.asked, row.priority, row.design) == (Mode.ASYNC, 0, "d@1")
    assert (row.operation, row.source, row.inputs) == (Operation.GENERATE, "", ())


def test_globs_give_a_document_for_each_file(make: Make, tmp_path: Path) -> None:
    """Sorted, without folders and hidden files, into folders with two stars."""
    for name in ("g/z.png", "g/a.png", "g/.hid.png", "g/s/t/m.png", "g/x.png/k.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    flat = documents(make("documents: [{glob: 'g/*.png', id: 'i-{stem}'}]"))
    assert [each.id for each in flat] == ["i-a", "i-z"]
    text = "documents: [{glob: 'g/**/*.png', output: '{folder}/{stem}.{ext}'}]"
    deep = documents(make(text))
    assert [each.id for each in deep] == ["a", "z", "m"]
    assert deep[2].output == f"{tmp_path}/g/s/t/m.pdf"


ROWS = "documents: [{rows: FILE, key: number, design: d@1, output: 'o/{who}.pdf'}]"


def test_rows_of_a_table_are_text(make: Make) -> None:
    """Nothing is guessed: only columns that are named hold numbers."""
    table = 'number,who,net,note\r\n007,"A, B",1.50,\r\n008,"C\nD",2,x\r\n'
    text = ROWS.replace("FILE", "r.csv, numbers: [net]")
    one, two = documents(make(text, r__csv=table))
    assert one.params == {"number": "007", "who": "A, B", "net": Decimal("1.50")}
    assert two.params == {"number": "008", "who": "C\nD", "net": 2, "note": "x"}
    assert one.output.endswith("/o/A, B.pdf")
    assert two.output.endswith("/o/C-D.pdf")


def test_a_table_may_use_semicolons(make: Make) -> None:
    """As many spreadsheets write them, with a byte order mark."""
    text = ROWS.replace("FILE", "r.csv")
    (one,) = documents(make(text, r__csv="\ufeffnumber;who\n1;A\n"))
    assert one.params == {"number": "1", "who": "A"}


def test_rows_of_yaml_and_of_json_lines_agree(make: Make) -> None:
    """Both keep numbers exact."""
    yaml = documents(
        make(ROWS.replace("FILE", "r.yaml"), r__yaml="- {number: 1, who: 1.10}")
    )
    json = documents(
        make(ROWS.replace("FILE", "r.jsonl"), r__jsonl='\n{"number": 1, "who": 1.10}\n')
    )
    assert yaml == json
    assert json[0].output.endswith("/o/1.10.pdf")


def test_rows_may_name_inputs(make: Make) -> None:
    """Fields may reach into a row, and the id may be a pattern."""
    text = "documents: [{rows: r.jsonl, id: '{c.no}-{stem}', input: '{f}.docx'}]"
    (document,) = documents(make(text, r__jsonl='{"c": {"no": 5}, "f": "a"}'))
    assert (document.id, document.inputs[0].name) == ("5-a", "a.docx")
    assert document.params == {}


def test_places_lead_into_the_data(make: Make, tmp_path: Path) -> None:
    """A check of the caller's can say where a parameter stands."""
    text = "documents:\n  - {id: x, design: d, params: {a: [1, 2]}}\n"
    text += "  - {rows: r.yaml, key: number, design: d}\n"
    one, two = make(text, r__yaml="- number: 1\n  deep: {x: 2}\n").entries()
    assert one.place == Place(f"{tmp_path}/m.yaml", 3, 5)
    assert one.at("params", "a", 1) == Place(f"{tmp_path}/m.yaml", 3, 40)
    assert two.place == Place(f"{tmp_path}/r.yaml", 1, 3)
    assert two.at("params", "deep", "x") == Place(f"{tmp_path}/r.yaml", 2, 13)


def test_keys_may_stand_in_any_order(tmp_path: Path) -> None:
    """Also anchors may stand above, and accounts below, their use."""
    (tmp_path / "a.docx").write_text("a")
    path = tmp_path / "m.yaml"
    path.write_text(
        "x-one: &one {to: txt, provider: here}\n"
        "documents:\n- {<<: *one, id: x, input: a.docx}\n"
        "providers: {here: {type: local, modes: {sync_up_to: 1KiB}}}\nversion: 1\n"
    )
    manifest = load_manifest(path)
    (document,) = documents(manifest)
    assert (document.provider, document.target) == ("here", "txt")
    assert manifest.settings.accounts["here"].thresholds.sync == 1024
    assert documents(manifest) == [document]


def test_a_manifest_may_be_one_line(tmp_path: Path) -> None:
    """A look at the starts of lines cannot tell what follows the documents."""
    path = tmp_path / "m.yaml"
    path.write_text("{documents: [{id: x, design: d}], name: one, version: 1}")
    manifest = load_manifest(path)
    assert (manifest.settings.name, manifest.validate()) == ("one", 1)


def test_settings_are_values(make: Make, tmp_path: Path) -> None:
    """Sizes are decimal or binary, money is exact, local is always there."""
    (tmp_path / "designs").mkdir()
    manifest = make("""
name: quick
designs: designs
providers:
  archive:
    type: local
    url: http://127.0.0.1:8080/
    key: ${env:KEY}
    limits: {width: 8, rate: 0.5, bytes_in_flight: 1.5MiB}
    modes: {sync_up_to: 10MB, prefer: exactly_once}
    price: 0.010
documents: [{id: x, input: a.docx}]
""")
    settings = manifest.settings
    archive = settings.accounts["archive"]
    assert (settings.name, settings.folder) == ("quick", tmp_path)
    assert settings.designs == tmp_path / "designs"
    assert archive.url == "http://127.0.0.1:8080"
    assert archive.limits.given() == {
        "width": 8,
        "rate": 0.5,
        "bytes_in_flight": 1_572_864,
    }
    assert archive.thresholds.given() == {"sync": 10_000_000}
    assert (archive.prefer, str(archive.price)) == (Prefer.EXACTLY_ONCE, "0.010")
    assert settings.accounts["local"].is_private
    assert not archive.is_private


def test_the_callers_check_becomes_located_faults(make: Make) -> None:
    """A sink gets what is good, and learns at the end that something was not."""

    def check(document: Document) -> Iterator[str]:
        if document.id == "two":
            yield "cannot be done"

    manifest = make(
        "documents:\n- {id: one, input: a.docx}\n- {id: two, input: b.pdf}\n"
    )
    got: list[Document] = []
    with pytest.raises(ManifestError, match=r"m\.yaml:4:3: cannot be done"):
        got.extend(manifest.documents(check))
    assert manifest.validate() == 2


def test_a_manifest_that_cannot_be_opened_is_a_usage_error(tmp_path: Path) -> None:
    """The command was wrong, and the name may be near."""
    (tmp_path / "quick.yaml").write_text("")
    for name, message in [
        ("quik.yaml", "did you mean quick.yaml"),
        ("", "is a folder"),
        ("a\0b", "cannot be read"),
        ("quick.yaml/x", "cannot be read"),
    ]:
        with pytest.raises(UsageError, match=message):
            load_manifest(tmp_path / name)


def test_the_schema_in_the_package_is_the_generated_one() -> None:
    """``orchestrator schema > orchestrator/manifest/schema.json`` writes it anew."""
    import json

    from orchestrator.manifest import load

    path = Path(load.__file__).with_name("schema.json")
    assert json.loads(path.read_text("utf-8")) == json_schema()


def test_the_schema_takes_a_whole_manifest() -> None:
    """Editors must not mark what the program takes, and must mark what it refuses."""
    import jsonschema

    validator = jsonschema.Draft202012Validator(json_schema())
    good = {
        "version": 1,
        "x-mine": 5,
        "providers": {"a": {"type": "local", "limits": {"bytes_in_flight": "256MB"}}},
        "documents": [{"id": 5, "input": "a"}, {"glob": "*"}, {"rows": "r.csv"}],
    }
    assert list(validator.iter_errors(good)) == []
    wrong: list[dict[str, object]] = [{"version": 2}, {"documents": []}, {"extra": 1}]
    for bad in wrong:
        assert list(validator.iter_errors({**good, **bad}))
