"""Who may import whom, read from the syntax trees."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ganaug"
FILES = sorted(PACKAGE.rglob("*.py"))

# part of the package -> what of the package it may import, besides exceptions, _checks and itself
ALLOWED = {
    "_encoding": set(),
    "_gan": {"_encoding.layout", "_memory", "_warning"},
    "_memory": set(),
    "_detection": {"_encoding", "_gan"},
    "_validation": {"_encoding"},
    "_fit_warnings": {"_encoding", "_warning"},
    "_requests": {"_validation", "_encoding"},
    "_drawing": {"_requests", "_encoding", "_gan"},
    "_callbacks": {"_gan", "sampler"},  # for type checking only
    "_fitting": {
        *("_fit_warnings", "_requests", "_encoding", "_gan", "_callbacks", "_scoring"),
        "_persistence.checkpoints",
    },
    "sampler": {
        *("_validation", "_requests", "_drawing", "_encoding", "_gan", "_callbacks"),
        *("_scoring", "_fitting", "_fit_warnings", "_memory"),
        *("_persistence.checkpoints", "_persistence.models"),
    },
    "detector": {
        *("_validation", "_requests", "_encoding", "_detection", "_scoring", "_memory", "sampler"),
        "_persistence.models",
    },
    "_persistence": {
        *("sampler", "detector", "_encoding", "_gan", "_detection", "_scoring", "_fitting"),
        *("_replacing", "_memory", "_validation", "_warning"),
    },
    "_scoring": set(),
    "datasets": {"_optional"},
    "_files": {"_optional", "_encoding.scan", "_replacing"},
    "_replacing": set(),
    "_plotting": {"_encoding", "_optional", "sampler"},
    "plotting": {"_plotting", "_validation", "_encoding", "_optional", "sampler"},
    "_optional": set(),
    "_warning": set(),
    "_checks": set(),
    "exceptions": set(),
}
FORBIDDEN = {
    "_encoding": {"torch"},
    "_detection": {"sklearn", "imblearn", "pandas", "narwhals", "polars", "pyarrow"},
    "_gan": {"sklearn", "imblearn", "pandas", "narwhals", "polars", "pyarrow"},
}
OPTIONAL = {"matplotlib", "polars", "pyarrow", "pandas", "ray", "onnx", "jinja2"}


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def imports_of(path: Path, *, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    part = part_of(path)
    for name in imports_of(path):
        if name.startswith("ganaug.") and part in ALLOWED:
            inside = name.removeprefix("ganaug.")
            allowed = ALLOWED[part] | {part, "exceptions", "_checks"}
            is_allowed = any(inside == a or inside.startswith(f"{a}.") for a in allowed)
            # `from ganaug._encoding.layout import X` also yields the name of X
            assert is_allowed, f"{part} imports {inside}"
        assert name.split(".")[0] not in FORBIDDEN.get(part, set())


# Of torch: what touches a kind of device, all its threads or its global random state.
OF_THE_RUNTIME = {"cuda", "mps", "xpu", "backends", "accelerator"}
OF_THE_RUNTIME |= {"set_num_threads", "set_num_interop_threads", "get_num_threads"}
OF_THE_RUNTIME |= {"manual_seed", "seed", "get_rng_state", "set_rng_state", "set_default_dtype"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_devices_threads_and_randomness_have_one_door(path):
    used = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "torch"
    }
    if path.relative_to(PACKAGE) != Path("_gan", "runtime.py"):
        assert not used & OF_THE_RUNTIME


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_warnings_have_one_door(path):
    """Warnings from elsewhere would name a line of ganaug as their place."""
    if path.relative_to(PACKAGE) != Path("_warning.py"):
        assert "warnings.warn(" not in path.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_optional_packages_are_imported_where_they_are_used(path):
    top = {name.split(".")[0] for name in imports_of(path, top_level_only=True)}
    assert not top & OPTIONAL


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_readable(path):
    source = path.read_text()
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    docstrings = [
        node.body[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, documented) and ast.get_docstring(node) is not None
    ]
    n_docstring_lines = sum(node.end_lineno - node.lineno + 1 for node in docstrings)
    assert len(source.splitlines()) - n_docstring_lines <= 400
