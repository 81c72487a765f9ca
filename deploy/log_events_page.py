"""The page of all log events: `python log_events_page.py > LOG_EVENTS.md` in deploy."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEVELS = {name: name for name in ("debug", "info", "warning", "error")} | {"exception": "error"}
HEAD = """# Log events

Made by `log_events_page.py`. Every line on standard error is a JSON object with `event`, `level`,
`timestamp` and the fields below; `exception` is a traceback, `…` are figures by name. A problem
that lasts is logged once a minute.

| event | level | fields | file |
|---|---|---|---|"""

Row = tuple[str, str, str]
"""Event, level and fields."""


def calls(tree: ast.Module) -> Iterator[Row]:
    """The calls of a module's `log`."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner, method = node.func.value, node.func.attr
        if isinstance(owner, ast.Name) and owner.id == "log" and method in LEVELS:
            fields = [_field(keyword.arg) for keyword in node.keywords]
            fields += ["`exception`"] * (method == "exception")
            yield ast.literal_eval(node.args[0]), LEVELS[method], ", ".join(fields)


def _field(name: str | None) -> str:
    if name is None:  # **figures
        return "…"
    return "`exception`" if name == "exc_info" else f"`{name}`"


def events() -> dict[Row, list[str]]:
    """Each event with the files that log it, in alphabetical order."""
    found: dict[Row, list[str]] = defaultdict(list)
    for package in ("stylecore", "workers"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            for row in calls(ast.parse(path.read_text(encoding="utf-8"))):
                if name not in found[row]:
                    found[row].append(name)
    return dict(sorted(found.items()))


def main() -> None:
    """Print the page."""
    print(HEAD)
    for (event, level, fields), files in events().items():
        print(f"| `{event}` | {level} | {fields} | {', '.join(f'`{file}`' for file in files)} |")


if __name__ == "__main__":
    sys.exit(main())
