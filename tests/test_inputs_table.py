"""docs/inputs.md names a test for every row, and every test that it names exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "inputs.md"


def test_every_row_names_tests_that_exist() -> None:
    known = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    rows = [
        line
        for line in TABLE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and not line.endswith("| test |")
    ]
    assert len(rows) > 40
    for row in rows:
        named = re.findall(r"`(\w+)`", row.split("|")[-2])
        assert named, f"no test: {row}"
        assert set(named) <= known, f"no such test: {set(named) - known}"
