"""No float on the way of money: the code has no place for one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from orchestrator import invoices
from orchestrator.manifest import convert, tabular
from orchestrator.wire import __file__ as wire_file

MONEY = Path(invoices.__file__).parent
WIDTHS = {("table.py", each) for each in ("_ems", "_em", "_roomy")}
"""How wide texts are set: no money."""
ROWS = [Path(convert.__file__), Path(tabular.__file__)]


def floats(source: str, name: str) -> list[str]:
    """Where code makes a float: a literal, the type, a true division, a round."""
    found: list[str] = []

    def visit(node: ast.AST, within: str) -> None:
        if isinstance(node, ast.FunctionDef):
            if (name, node.name) in WIDTHS:
                return
            within = node.name
        if _is_float(node):
            found.append(f"{name}:{getattr(node, 'lineno', 0)} in {within}")
        for child in ast.iter_child_nodes(node):
            visit(child, within)

    visit(ast.parse(source), "")
    return found


def _is_float(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float)
    if isinstance(node, ast.Call):
        is_called = isinstance(node.func, ast.Name)
        return is_called and getattr(node.func, "id", "") in ("float", "round")
    return False


def test_no_module_of_invoices_makes_a_float() -> None:
    """Neither by a literal nor by a call."""
    found = [
        each
        for path in [*MONEY.rglob("*.py"), *ROWS]
        for each in floats(path.read_text("utf-8"), path.name)
    ]
    assert found == []


@pytest.mark.parametrize("code", ["x = 0.5", "x = float('1')", "round(x, 2)", "1e3"])
def test_a_float_would_be_found(code: str) -> None:
    """The search can fail."""
    assert floats(code, "any.py") == ["any.py:1 in "]
    assert floats(Path(wire_file).with_name("flow.py").read_text("utf-8"), "flow.py")


def test_no_division_of_decimals_is_left_to_the_context() -> None:
    """It is the module of money that divides, in a context of its own."""
    divided = [
        path.name
        for path in MONEY.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
    ]
    # A count of units that are left over, which is whole; a percentage to compare with.
    assert sorted(divided) == ["compute.py", "faults.py"]
