"""Who may import whom, by the rules of docs/internals.md, read from the syntax trees."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ganaug"
INTERNALS = PACKAGE.parent / "docs" / "internals.md"
FILES = sorted(PACKAGE.rglob("*.py"))
FOR_ALL = {"exceptions", "_checks"}

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


def rules() -> dict[str, set[str]]:
    """Return what each part may import of the package: "part, part -> name, name" in the page."""
    section = INTERNALS.read_text("utf-8").partition("\n## Rules\n")[2]
    block = re.search(r"(?:^    .+\n)+", section, re.MULTILINE)[0]
    allowed = {}
    for rule in block.replace(",\n", ",").splitlines():
        parts, names = (re.findall(r"[\w.]+", side) for side in rule.split("->"))
        allowed |= dict.fromkeys(parts, set(names) - {"nothing"})
    return allowed


ALLOWED = rules()


def imports_of_ours(path: Path) -> set[str]:
    """Return what a file imports of other parts; `from a.b import X` also yields the name of X."""
    ours = {name.removeprefix("ganaug.") for name in imports_of(path) if name.startswith("ganaug.")}
    return {name for name in ours if not is_under(name, {part_of(path), *FOR_ALL})}


def is_under(name: str, parts: set[str]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    part = part_of(path)
    for name in imports_of_ours(path):
        assert is_under(name, ALLOWED[part]), f"{part} imports {name}"
    for name in imports_of(path):
        assert name.split(".")[0] not in FORBIDDEN.get(part, set())


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_no_rule_is_wider_than_what_is_imported(part):
    files = [path for path in FILES if part_of(path) == part]
    assert files, f"there is no {part}"
    used = set().union(*map(imports_of_ours, files))
    for name in ALLOWED[part]:
        assert any(is_under(one, {name}) for one in used), f"{part} imports no {name}"


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
