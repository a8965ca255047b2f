"""What is wrong in a manifest, each at its place."""

from pathlib import Path

import pytest

from orchestrator.errors import ManifestError
from orchestrator.manifest import load_manifest
from orchestrator.manifest.faults import SHOWN

FILES = {"a.docx": "a", "b.pdf": "bb", "noext": "", "folder/x.docx": "x"}
HEAD = "version: 1\n"


def faults_of(folder: Path, text: str, **files: str) -> list[str]:
    """All faults of a manifest, with names relative to its folder."""
    named = {name.replace("__", "."): content for name, content in files.items()}
    for name, content in {**FILES, **named, "m.yaml": text}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    with pytest.raises(ManifestError) as caught:
        load_manifest(folder / "m.yaml", environment={"EMPTY": " "}).validate()
    assert caught.value.total == len(caught.value.faults)
    return [str(each).replace(f"{folder}/", "") for each in caught.value.faults]


TEN = """\
version: 1
providrs: {}
providers:
  archive: {type: local, key: sk-very-secret, limits: {width: 0}}
defaults: {mode: asink}
documents:
  - {id: one, input: a.docx, too: pdf}
  - {id: two, input: a.dcx}
  - {id: two, input: b.pdf, output: out/2.pdf}
  - {id: three, input: b.pdf, to: pfd}
  - {id: four, input: b.pdf, to: png, output: "out/{id}.{ext}"}
  - {rows: r.csv, key: numbr, design: invoice@1}
"""


TEN_FAULTS = [
    ("2:1", "unknown key “providrs”; allowed are version,", "mean providers?)"),
    ("4:31", "providers.archive.key must be a reference, never", "${file:PATH})"),
    ("4:63", "providers.archive.limits.width must be at least 1", "found 0"),
    ("5:18", "defaults.mode must be one of sync, async", "(did you mean async?)"),
    ("7:30", "unknown key “too”; allowed are provider, to,", "(did you mean to?)"),
    ("8:22", "the input “a.dcx” is not there", "(did you mean a.docx?)"),
    ("9:5", "the id “two” is taken", "at m.yaml:8:5 (ids are unique)"),
    ("10:35", "unknown format “pfd”", "(did you mean pdf?)"),
    ("11:47", "convert to png may yield several", "(as in out/{id}-{n:03}.{ext})"),
    ("12:24", "key names {numbr}; there are number", "(did you mean number?)"),
]


def test_ten_faults_are_ten_located_lines(tmp_path: Path) -> None:
    """All at once, each with what is wrong, what was found and what is allowed."""
    found = faults_of(tmp_path, TEN, r__csv="number,net\n1,2\n3,4\n")
    assert len(found) == len(TEN_FAULTS)
    for line, (place, start, end) in zip(found, TEN_FAULTS, strict=True):
        assert line.startswith(f"m.yaml:{place}: {start}")
        assert line.endswith(end)


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("5", "2:13: an entry is a mapping, found 5"),
        ("{input: a.docx}", "2:13: the key id is missing"),
        ("{id: '', input: a.docx}", "2:18: id must not be empty, found “”"),
        ("{id: ' x', input: a.docx}", "2:18: the id “ x” holds control characters or"),
        ('{id: "a\\tb", input: a.docx}', "2:18: id must not hold control characters"),
        ('{id: "a\\u202eb", input: a.docx}', "2:18: the id “a�b” holds control"),
        ("{id: true, input: a.docx}", "2:18: id must be text, found true (put it in"),
        ("{id: [], input: a.docx}", "2:18: id must be text, found a list"),
        (f"{{id: {'x' * 201}, input: a.docx}}", "2:18: the id has 201 characters"),
        ("{id: x}", "2:13: an entry has one of design, input, inputs; found none"),
        (
            "{id: x, design: d, input: a.docx}",
            "2:39: an entry has one of design, input",
        ),
        ("{id: x, inputs: []}", "2:29: inputs must not be empty"),
        ("{id: x, input: gone/a.docx}", "(the folder gone is not there)"),
        ("{id: x, input: folder}", "2:28: the input “folder” is a folder"),
        ("{id: x, input: noext}", "2:28: “noext” has no extension to tell its format"),
        ("{id: x, input: folder, source: pdf}", "2:28: the input “folder” is a folder"),
        ("{id: x, input: a.docx/b.pdf}", "2:28: the input “a.docx/b.pdf” cannot be"),
        ("{id: x, input: /dev/null, source: txt}", "2:28: the input “/dev/null” is no"),
        ("{id: x, inputs: [a.docx, gone.pdf]}", "2:38: the input “gone.pdf” is not"),
        ("{id: x, inputs: [gone.pdf]}", "2:30: the input “gone.pdf” is not there"),
        ("{id: x, input: a.docx, mode: fast}", "2:42: mode must be one of sync, async"),
        ("{id: x, input: a.docx, operation: glue}", "2:47: operation must be one of"),
        (
            "{id: x, input: a.docx, operation: generate}",
            "2:47: operation generate does",
        ),
        (
            "{id: x, inputs: [a.docx, b.pdf], operation: convert}",
            "2:57: operation convert takes one input, found 2 (merge takes several)",
        ),
        ("{id: x, input: a.docx, priority: 1.5}", "2:46: priority must be a whole"),
        ("{id: x, input: a.docx, priority: 5000}", "priority must be at most 1000"),
        (
            "{id: x, input: a.docx, params: 5}",
            "2:44: params must be a mapping, found 5",
        ),
        ("{id: x, input: a.docx, provider: locl}", "2:46: unknown provider “locl”"),
        ("{id: x, input: a.docx, output: 'o/{idd}'}", "output names {idd}; there are"),
        ("{id: x, input: a.docx, output: 'o/{id'}", "2:44: “o/{id”: a brace without"),
        ("{id: x, input: a.docx, output: '{n:x}'}", "{n:x} is not known; allowed are"),
        ("{id: x, input: a.docx, output: '{id:5}'}", "only n takes one, as in {n:03}"),
        ("{id: .., input: a.docx, output: '{id}/a.pdf'}", "leaves the folder that its"),
        (f"{{id: x, input: a.docx, output: {'x' * 256}}}", "is over 255 bytes"),
        ("{id: x, input: a.docx, output: a.docx}", "2:13: the output “"),
        ("{id: x, input: a.docx, output: A.DOCX}", "the input of m.yaml:2:13"),
        ("{glob: '*.gif'}", "2:20: no file matches “*.gif”"),
        ("{glob: '*.docx', id: '{n}'}", "2:34: {n} has no meaning in id"),
        ("{glob: '*.docx', id: '{number}'}", "id names {number}; there are stem, name"),
        ("{glob: '*.docx', input: x}", "unknown key “input”"),
        (
            "{rows: r.csv, design: d}",
            "2:13: rows need key (a column) or id (a pattern)",
        ),
        ("{rows: gone.csv, key: a, design: d}", "2:20: “gone.csv” is not there"),
        ("{rows: folder, key: a, design: d}", "rows in “folder” cannot be read"),
        ("{rows: b.pdf, key: a, design: d}", "2:20: rows in “b.pdf” cannot be read"),
    ],
)
def test_a_fault_of_an_entry(tmp_path: Path, entry: str, fault: str) -> None:
    """One cause is one fault."""
    (found,) = faults_of(tmp_path, f"{HEAD}documents: [{entry}]\n")
    assert fault in found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "m.yaml:1:1: the file is empty"),
        ("- 1", "m.yaml:1:1: a manifest is a mapping of keys, found a list"),
        ("version: 1", "m.yaml:1:1: the key documents is missing"),
        (
            "version: 1\nbudget: {}\ndocuments: [{id: x, design: d}]",
            "budget must have one of units and money (as in",
        ),
        ("documents: [{id: x, design: d}]", "m.yaml:1:1: the key version is missing"),
        ("version: 1\ndocuments: []", "m.yaml:2:1: the list of documents is empty"),
        ("version: 1\ndocuments: {}", "m.yaml:2:12: documents must be a list, found a"),
        (
            "version: 2\ndocuments: [{id: x, design: d}]",
            "1:10: version must be 1, found 2",
        ),
        (
            "version: '1'\ndocuments: [{id: x, design: d}]",
            "version must be 1, found “1”",
        ),
        (
            "version: true\ndocuments: [{id: x, design: d}]",
            "version must be 1, found true",
        ),
        (HEAD + "documents: [{id: x, design: d}]\nversion: 1", "m.yaml:3:1: the key"),
        (
            HEAD + "documents: [{id: x, design: d}]\ndocuments: []",
            "m.yaml:3:1: the key",
        ),
        (HEAD + "documents: [{id: x, design: d}]\n---\n", "a second YAML document"),
        (HEAD + "documents: [{id: x, design: d}", "m.yaml:3:1: not valid YAML"),
        (HEAD + "designs: gone\ndocuments: [{id: x, design: d}]", "m.yaml:2:10: the"),
    ],
)
def test_a_fault_of_the_whole(tmp_path: Path, text: str, fault: str) -> None:
    """The head and the list itself."""
    (found,) = faults_of(tmp_path, text)
    assert fault in found


@pytest.mark.parametrize(
    ("account", "fault"),
    [
        ("5", "providers.p must be a mapping, found 5"),
        ("{}", "the key providers.p.type is missing"),
        ("{type: locla}", "unknown provider type “locla”; allowed are local (did you"),
        ("{type: local, url: 'http://u:hunter2@h/'}", "must be an http or https URL"),
        ("{type: local, url: 'ftp://h'}", "must be an http or https URL"),
        ("{type: local, key: hunter2}", "must be a reference, never a key itself"),
        ("{type: local, keys: hunter2}", "unknown key “keys”; allowed are type, url"),
        ("{type: local, key: '${env:A}hunter2'}", "must be a reference"),
        ("{type: local, limits: {rate: 0}}", "providers.p.limits.rate must be over 0"),
        ("{type: local, limits: {widht: 5}}", "(did you mean width?)"),
        ("{type: local, limits: {width: 1.5}}", "must be a whole number, found 1.5"),
        (
            "{type: local, modes: {sync_up_to: 10 MX}}",
            "sync_up_to must be a size, found",
        ),
        (
            "{type: local, modes: {sync_up_to: 2MB, async_up_to: 1MB}}",
            "is over async_up",
        ),
        ("{type: local, price: -1}", "price must be at least 0, found -1"),
        (
            "{type: local, key: '${env:GONE}'}",
            "${env:GONE} leads nowhere: the variable",
        ),
        ("{type: local, key: '${env:EMPTY}'}", "the variable is not there or is empty"),
        ("{type: local, key: '${file:gone}'}", "the file cannot be read as text"),
    ],
)
def test_a_fault_of_an_account(tmp_path: Path, account: str, fault: str) -> None:
    """A key that was written down is never repeated."""
    text = f"{HEAD}providers:\n  p: {account}\n"
    text += "documents: [{id: x, design: d, provider: p}]\n"
    (found,) = faults_of(tmp_path, text)
    assert found.startswith("m.yaml:3:")
    assert fault in found
    assert "hunter2" not in found


def test_keys_of_accounts_that_nobody_uses_are_not_looked_for(tmp_path: Path) -> None:
    """A manifest may name more than this machine has."""
    path = tmp_path / "m.yaml"
    account = "providers: {p: {type: local, key: '${env:GONE}'}}\n"
    path.write_text(f"{HEAD}{account}documents: [{{id: x, design: d}}]")
    assert load_manifest(path, environment={}).validate() == 1


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("r.csv", "", "r.csv:1:1: the file is empty"),
        ("r.csv", "k,v\n", "m.yaml:2:20: “r.csv” holds no rows"),
        ("r.csv", "k,k\n1,2\n", "r.csv:1:1: the column “k” is here twice"),
        ("r.csv", "k,\n1,2\n", "r.csv:1:1: column 2 has no name"),
        ("r.csv", "k,v\n1,2\n3\n", "r.csv:3:1: 1 cells where the header has 2"),
        ("r.csv", 'k,v\n1,"2\n"\n,5\n', "r.csv:4:1: k must be text or a number here"),
        ("r.csv", 'k,v\n1,"2', "r.csv:2:1: not valid CSV: unexpected end of data"),
        ("r.csv", "k,v\n1,2\n1,3\n", "r.csv:3:1: the id “1” is taken; the other is at"),
        ("r.csv", "k,v\n1,2\nx\0,3\n", "r.csv:3:2: the character U+0000 cannot"),
        ("r.jsonl", '{"k": 1}\n{"k": 2', "r.jsonl:2:8: not valid JSON"),
        ("r.jsonl", '{"k": 1}\n{"k": NaN}', "r.jsonl:2:1: NaN is no number of JSON"),
        ("r.jsonl", '{"k": 1, "k": 2}', "r.jsonl:1:1: the key “k” is here twice"),
        ("r.jsonl", '{"k": 1}\n[1]', "r.jsonl:2:1: a row is an object, found a list"),
        ("r.jsonl", '{"k": 1}\n{"q": 1}', "r.jsonl:2:1: key names {k}; there are q"),
        ("r.jsonl", '{"k": true}', "r.jsonl:1:1: k must be text or a number here"),
        ("r.jsonl", '{"k": 1, "x": "\\ud800"}', "r.jsonl:1:1: half a surrogate pair"),
        ("r.jsonl", "[" * 100_000, "r.jsonl:1:1: nested too deeply"),
        ("r.jsonl", '{"k": ' + "9" * 5000 + "}", "r.jsonl:1:1: "),
        ("r.yaml", "- {k: 1}\n- 5", "r.yaml:2:3: a row is a mapping, found 5"),
        ("r.yaml", "- {k: 1}\n- {k: 2, k: 3}", "r.yaml:2:10: the key “k” is here"),
    ],
)
def test_a_fault_of_a_row_points_into_the_data(
    tmp_path: Path, name: str, content: str, fault: str
) -> None:
    """The other rows are checked all the same."""
    text = f"{HEAD}documents: [{{rows: {name}, key: k, design: d@1}}]\n"
    (found,) = faults_of(tmp_path, text, **{name.replace(".", "__"): content})
    assert fault in found


def test_numbers_of_a_table_are_checked(tmp_path: Path) -> None:
    """A column that is not there, and a cell that is no number."""
    entry = "{rows: r.csv, key: k, design: d@1, numbers: [net, nett]}"
    text = f"{HEAD}documents: [{entry}]\n"
    header, cell = faults_of(tmp_path, text, r__csv="k,net\n1,1.50\n2,\n3,1e3\n")
    assert header.startswith("r.csv:1:1: numbers names “nett”; there are k, net (did")
    assert cell.startswith("r.csv:4:1: net must be a number, found “1e3” (digits")


@pytest.mark.parametrize("other", ["out/a.pdf", "OUT/A.pdf", "out/./a.pdf"])
def test_two_documents_with_one_output(tmp_path: Path, other: str) -> None:
    """Also where only some disks take them for the same."""
    text = f"""{HEAD}documents:
  - {{id: one, design: d, output: out/a.pdf}}
  - {{id: two, design: d, output: {other}}}
"""
    (found,) = faults_of(tmp_path, text)
    assert found.startswith("m.yaml:4:5: the output “")
    assert "is taken; the other is at m.yaml:3:5" in found


def test_letters_in_two_forms_are_one_output(tmp_path: Path) -> None:
    """A letter with its accent is composed or not, and both look the same."""
    entries = "  - {id: 'é', design: d}\n  - {id: 'e\u0301', design: d}\n"
    text = f"{HEAD}documents:\n{entries}"
    (found,) = faults_of(tmp_path, text)
    assert "is taken; the other is at m.yaml:3:5" in found


def test_a_typing_error_in_the_defaults_is_one_fault(tmp_path: Path) -> None:
    """However many documents it touches."""
    entries = "".join(f"  - {{id: x{n}, design: d}}\n" for n in range(50))
    text = f"{HEAD}defaults: {{output: 'o/{{idd}}', to: pfd}}\ndocuments:\n{entries}"
    found = faults_of(tmp_path, text)
    assert [each.split(": ")[0] for each in found] == ["m.yaml:2:20", "m.yaml:2:35"]


def test_many_faults_are_counted_and_the_first_are_told(tmp_path: Path) -> None:
    """Nobody reads a million lines."""
    path = tmp_path / "m.yaml"
    path.write_text(f"{HEAD}documents:\n" + "- {id: x, design: d}\n" * (SHOWN + 201))
    with pytest.raises(ManifestError) as caught:
        load_manifest(path).validate()
    assert caught.value.total == SHOWN + 200
    assert len(caught.value.faults) == SHOWN
    assert str(caught.value).endswith("… and 200 more")
