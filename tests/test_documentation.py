"""What is shown is run: the README's and the pages' examples, and every example in a docstring."""

import doctest
import importlib
import inspect
import pkgutil
import re
from dataclasses import replace
from pathlib import Path

import pytest

import ganaug

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(ganaug.__path__, "ganaug.")
    if not module.name.endswith("__main__")
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def code_blocks(language, page=README):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)


@pytest.fixture
def few_steps(monkeypatch):
    for name in ("TABLE_AUTO", "SMALL_TABLE_AUTO", "IMAGE_AUTO"):
        auto = getattr(ganaug.sampler, name)
        monkeypatch.setattr(ganaug.sampler, name, replace(auto, n_steps=5))


def test_the_first_example_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    first = code_blocks("python")[0]
    exec(compile(first, "README.md", "exec"), {"__name__": "__main__"})
    shown = "".join(re.findall(r"^# (.*\n)", first, re.M))
    assert capsys.readouterr().out == shown


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("page", ["README.md", "docs/detector.md"])
def test_all_examples_of_a_page_run_one_after_another(page, few_steps, tmp_path, monkeypatch):
    """With a few steps of training: what they show is looked at elsewhere."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    blocks = code_blocks("python", ROOT / page)
    assert blocks
    for number, block in enumerate(blocks):
        exec(compile(block, f"{page}, example {number}", "exec"), names)


def test_commands_of_the_readme_parse():
    from ganaug.cli import _parser

    text = "".join(code_blocks("bash"))
    commands = re.findall(r"^ganaug (.*?)(?: *#.*)?$", text, re.M)
    assert commands
    for command in commands:
        assert _parser().parse_args(command.split()).run


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=FLAGS).failed == 0


@pytest.mark.parametrize("name", [name for name in MODULES if "._" not in name])
def test_public_estimators_and_functions_have_examples(name):
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", []):
        thing = getattr(module, public)
        if isinstance(thing, type) and issubclass(thing, Exception):
            continue
        if name not in {"ganaug.demo"}:
            assert ">>>" in (thing.__doc__ or ""), f"{name}.{public} shows no example"


@pytest.mark.parametrize("name", ["GANSampler", "GANOutlierDetector", "Explanation"])
def test_public_methods_have_examples(name):
    assert name in ganaug.__all__
    for method, function in vars(getattr(ganaug, name)).items():
        if inspect.isfunction(function) and not method.startswith("_"):
            assert ">>>" in (function.__doc__ or ""), f"{name}.{method} shows no example"
