"""Count what a reader has to hold in mind: python tests/count_code.py [FOLDER].

Prints a Markdown table of the three packages of a checkout. The files on the two ways, of a click
to its list and of a photo to its render, come from tests/integration/test_ways.py, which runs them.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("schemas", "stylecore", "workers")
ENTRIES = {
    "preferences": ("workers.preferences.worker", "workers.preferences"),
    "stylize": ("workers.stylize",),
}


def modules(root: Path) -> dict[str, ast.Module]:
    """Module name to syntax tree."""
    files = (path for package in PACKAGES for path in sorted((root / package).rglob("*.py")))
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            path.read_text(encoding="utf-8")
        )
        for path in files
    }


def imported(tree: ast.Module, known: dict[str, ast.Module], *, top_only: bool) -> set[str]:
    """The modules of ours that a module imports; `top_only` leaves out those inside functions."""
    nodes = tree.body if top_only else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in known}
    return found


def needed(entry: str, known: dict[str, ast.Module]) -> set[str]:
    """All modules that importing `entry` executes."""
    found, todo = set(), [entry]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += imported(known[name], known, top_only=True)
    return found


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method."""
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def length(node: ast.stmt) -> int:
    """Lines from the first to the last."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def helpers_used_once(tree: ast.Module) -> list[int]:
    """Lengths of the private functions and methods that their module names once."""
    uses = Counter(
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    )
    return [
        length(function)
        for function in functions(tree)
        if re.fullmatch(r"_[a-z]\w*", function.name) and uses[function.name] == 1
    ]


def figures(root: Path) -> dict[str, str]:
    """Name of the figure to its value."""
    known = modules(root)
    texts = {
        path: path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in (root / package).rglob("*.py")
    }
    lines = [text.count("\n") for text in texts.values()]
    lengths = [length(function) for tree in known.values() for function in functions(tree)]
    imports = sum(
        length(node)
        for tree in known.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
    importers = Counter(
        name for tree in known.values() for name in imported(tree, known, top_only=False)
    )
    once = [size for tree in known.values() for size in helpers_used_once(tree)]
    joined = "\n".join(texts.values())
    result = {
        "files": str(len(texts)),
        "lines": str(sum(lines)),
        "median lines of a file / a function": (
            f"{statistics.median(lines):.0f} / {statistics.median(lengths):.0f}"
        ),
        "lines of imports": f"{imports / sum(lines):.0%}",
        "modules with one importer": str(sum(count == 1 for count in importers.values())),
        "private helpers used once (of at most 6 lines)": (
            f"{len(once)} ({sum(size <= 6 for size in once)})"
        ),
        "array aliases": str(len(re.findall(r"(?m)^\w+ = (?:npt\.)?NDArray\[", joined))),
        "`#` comments": str(len(re.findall(r"(?m)^\s*# |  # (?!noqa|type:|fmt:)", joined))),
    }
    for worker, entries in ENTRIES.items():
        entry = next(name for name in entries if name in known)
        result[f"files that {worker} imports"] = str(len(needed(entry, known)))
    return result


if __name__ == "__main__":
    print("| | |\n|---|---|")
    for name, value in figures(Path(sys.argv[1] if len(sys.argv) > 1 else ".")).items():
        print(f"| {name} | {value} |")
