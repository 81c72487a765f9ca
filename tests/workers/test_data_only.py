"""Models and factors are data: nothing that serves can run code out of a file."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
SOURCES = sorted(
    path for part in ("schemas", "stylecore", "workers") for path in (ROOT / part).rglob("*.py")
)


def code_loaders(source: str) -> list[str]:
    """The imports and calls of a source that could run code out of data."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.split(".")[0] in FORBIDDEN]
        elif isinstance(node, ast.ImportFrom):
            found += [node.module] if (node.module or "").split(".")[0] in FORBIDDEN else []
        elif isinstance(node, ast.Call):
            found += _dangerous_call(node)
    return found


def _dangerous_call(call: ast.Call) -> list[str]:
    name = ast.unparse(call.func)
    given = {word.arg: ast.unparse(word.value) for word in call.keywords}
    if name in {"eval", "exec", "yaml.load", "yaml.unsafe_load"}:
        return [name]
    if name == "torch.load" and given.get("weights_only") != "True":
        return ["torch.load without weights_only=True"]
    return ["allow_pickle"] if given.get("allow_pickle", "False") != "False" else []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_source_can_run_code_out_of_a_file(path):
    assert code_loaders(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from joblib import load", "np.load(f, allow_pickle=True)",
     "torch.load(f)", "torch.load(f, weights_only=False)", "yaml.load(f)", "eval(text)"],
)  # fmt: skip
def test_the_search_finds_what_it_looks_for(source):
    assert code_loaders(source)
