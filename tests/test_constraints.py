"""The files that pin versions agree with one another and with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NOT_FOR_TESTS = {"lightgbm"}  # the benchmark's


def pins(name):
    text = (ROOT / name).read_text("utf-8")
    return {
        canonical(found[1]): found[2].removesuffix("+cpu")
        for found in re.finditer(r"^([\w.-]+)==([^\s;]+)", text, re.M)
    }


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def required(*extras):
    lines = PROJECT["dependencies"] + [
        line for extra in extras for line in PROJECT["optional-dependencies"][extra]
    ]
    found = (re.match(r"([\w-]+)(?:>=([\d.]+))?$", line) for line in lines)
    return {canonical(name[1]): name[2] for name in found}


def test_checksums_are_of_the_pinned_versions():
    pinned, hashed = pins("constraints.txt"), pins("constraints-hashed.txt")
    assert set(pinned) - set(hashed) == NOT_FOR_TESTS
    assert {name: hashed[name] for name in set(pinned) & set(hashed)} == {
        name: version for name, version in pinned.items() if name in hashed
    }


def test_every_package_has_checksums():
    text = (ROOT / "constraints-hashed.txt").read_text("utf-8")
    blocks = re.split(r"^(?=\S)", text, flags=re.M)
    packages = [block for block in blocks if block and not block.startswith("#")]
    assert len(packages) > 50
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}$", block, re.M) for block in packages)


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-hashed.txt"])
def test_what_is_required_is_pinned(name):
    assert set(required("io", "plot", "test", "lint")) <= set(pins(name))


def test_what_the_benchmarks_require_is_pinned():
    assert set(required("bench")) <= set(pins("benchmarks/constraints-bench.txt"))


def test_the_lowest_versions_are_those_of_pyproject():
    pinned = pins("constraints-lowest.txt")
    for name, lowest in required("io", "plot", "test").items():
        assert name in pinned
        if lowest is not None:
            assert [*map(int, pinned[name].split("."))][: lowest.count(".") + 1] == [
                *map(int, lowest.split("."))
            ]
