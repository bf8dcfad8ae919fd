"""Malformed model files, and odd tables: none may crash, run anything, or go silently wrong.

    python -m benchmarks.fuzz files --cases 10000 --out benchmarks/results/fuzz-files.json
    python -m benchmarks.fuzz tables --cases 2000 --out benchmarks/results/fuzz-tables.json

A file is damaged in one of the ways in `DAMAGES`. Some keep its checksums right, as somebody would
who means harm; what is loaded all the same must sample and score like any model. Meanwhile the
process may map 1 GiB of memory more than it has, and an audit hook counts whatever is executed.
"""

from __future__ import annotations

import argparse
import io
import json
import struct
import sys
import tempfile
import traceback
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ganaug
from benchmarks.cycle import draw_table, run_cycle
from ganaug._persistence.archive import Archive, read_archive, write_archive
from ganaug._persistence.models import FORMATS, MAX_BYTES
from ganaug.exceptions import GanaugError
from tests.tables import n_rows_of

Random = np.random.Generator
KINDS = {form.kind: form.version for form in FORMATS}
MAX_EXTRA_BYTES = 2**30
FORBIDDEN = {
    *("exec", "compile", "pickle.find_class", "marshal.loads", "code.__new__", "ctypes.dlopen"),
    *("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect"),
}
ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 2**31, -(2**31), 2**62, 2**63, 2**64, -(2**70), 10**30),
    *(0.0, -1.5, 1e-300, 1e300, "", "x", "<f8", "<U99999", "O", "..", "/etc/passwd", "../../x"),
    *([], [0], [[]], {}, {"type": "callable", "value": "os.system"}),
    {"type": "tuple", "value": [1, {"type": "list", "value": []}]},
    {"type": "array", "value": ["<f8", [2**40, 0], []]},
    {"type": "array", "value": ["<U99999", [5000], [""] * 5000]},
    {"type": "numpy", "value": ["O", [], [None]]},
    {"type": "datetime", "value": ["2020-01-01", "../../../etc/passwd", 0]},
    {"type": "Timestamp", "value": [2**62, "ns", "dateutil//etc/passwd"]},
    {"type": "RandomState", "value": []},
    {"tensor": "gan.rows.numbers"},
]


class Case:
    """A good file in parts, to be damaged; what is in it can score the rows of `X`."""

    def __init__(self, path: Path, X: Any) -> None:
        self.path = path
        self.X = X
        self.data = path.read_bytes()
        with zipfile.ZipFile(path) as file:
            self.parts = {name: file.read(name) for name in file.namelist()}

    def zipped(
        self, parts: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED
    ) -> bytes:
        out = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(out, "w", compression) as file:
            warnings.simplefilter("ignore")  # of names that occur twice
            for name, data in parts:
                file.writestr(name, data)
        return out.getvalue()

    def signed(self, document: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> bytes:
        """Return a file with right checksums."""
        return self.written(Archive(self._read().kind, 1, document, tensors))

    def written(self, archive: Archive) -> bytes:
        target = self.path.with_suffix(".signed")
        write_archive(target, archive)
        return target.read_bytes()

    def archive(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        archive = self._read()
        return archive.document, {name: array.copy() for name, array in archive.tensors.items()}

    def _read(self) -> Archive:
        return read_archive(self.path, KINDS, MAX_BYTES)


# --- damages --------------------------------------------------------------------------------------


def flip_a_bit(case: Case, random: Random) -> bytes:
    out = bytearray(case.data)
    out[random.integers(len(out))] ^= 1 << int(random.integers(8))
    return bytes(out)


def overwrite_bytes(case: Case, random: Random) -> bytes:
    out = bytearray(case.data)
    start, n = int(random.integers(len(out))), int(random.integers(1, 64))
    out[start : start + n] = random.bytes(n)
    return bytes(out)


def truncate(case: Case, random: Random) -> bytes:
    return case.data[: int(random.integers(len(case.data)))]


def append_bytes(case: Case, random: Random) -> bytes:
    return case.data + random.bytes(int(random.integers(1, 100)))


def random_bytes(case: Case, random: Random) -> bytes:
    return random.bytes(int(random.integers(0, 4096)))


def zip_bomb(case: Case, random: Random) -> bytes:
    bomb = zlib.compress(bytes(2**24), 9)
    name = str(random.choice(list(case.parts)))
    parts = [(n, bytes(2**24) if n == name else data) for n, data in case.parts.items()]
    zipped = case.zipped(parts, zipfile.ZIP_DEFLATED)
    return zipped if random.random() < 0.5 else zipped + bomb


def path_traversal(case: Case, random: Random) -> bytes:
    name = str(
        random.choice(["../../evil.py", "/tmp/evil.py", "a/../../b", "C:\\evil", "header.json/x"])
    )
    return case.zipped([*case.parts.items(), (name, b"raise SystemExit")])


def parts_twice(case: Case, random: Random) -> bytes:
    parts = list(case.parts.items())
    return case.zipped([*parts, parts[random.integers(len(parts))]])


def parts_missing(case: Case, random: Random) -> bytes:
    parts = list(case.parts.items())
    del parts[random.integers(len(parts))]
    return case.zipped(parts)


def pickled_part(case: Case, random: Random) -> bytes:
    evil = b"cos\nsystem\n(S'touch /tmp/ganaug-was-here'\ntR."
    name = str(random.choice(list(case.parts)))
    return case.zipped([(n, evil if n == name else data) for n, data in case.parts.items()])


def duplicate_key(case: Case, random: Random) -> bytes:
    name = str(random.choice(["header.json", "document.json"]))
    text = case.parts[name].decode()
    twice = "{" + text[1 : text.index(",") + 1] + text[1:]
    return case.zipped([(n, twice.encode() if n == name else d) for n, d in case.parts.items()])


def deep_json(case: Case, random: Random) -> bytes:
    depth = int(random.integers(100, 100_000))
    deep = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    name = str(random.choice(["header.json", "document.json"]))
    return case.zipped([(n, deep if n == name else d) for n, d in case.parts.items()])


def huge_shape(case: Case, random: Random) -> bytes:
    """Change a shape in the header of the tensors, with right checksums of all else."""
    raw = case.parts["tensors.safetensors"]
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    name = str(random.choice([key for key in header if key != "__metadata__"]))
    header[name]["shape"] = [int(2 ** random.integers(0, 63)) for _ in range(random.integers(1, 4))]
    if random.random() < 0.3:
        header[name]["data_offsets"] = [0, int(2 ** random.integers(0, 63))]
    text = json.dumps(header).encode()
    tensors = struct.pack("<Q", len(text)) + text + raw[8 + size :]
    return case.zipped([(n, tensors if n.endswith("s") else d) for n, d in case.parts.items()])


def signed_swap(case: Case, random: Random) -> bytes:
    document, tensors = case.archive()
    one, other = (str(name) for name in random.choice(list(tensors), 2, replace=False))
    tensors[one], tensors[other] = tensors[other], tensors[one]
    return case.signed(document, tensors)


def signed_tensor(case: Case, random: Random) -> bytes:
    document, tensors = case.archive()
    name = str(random.choice(list(tensors)))
    array = tensors[name]
    change = random.integers(5)
    if change == 0 or array.size == 0:
        del tensors[name]
    elif change == 1:
        tensors[name] = array.astype(np.float64 if array.dtype.kind != "f" else np.int64)
    elif change == 2:
        tensors[name] = array.reshape(-1)[: int(random.integers(array.size))]
    elif change == 3:
        flat = array.reshape(-1)
        odd = [0, -1, 127, -128] if array.dtype.kind != "f" else [np.nan, np.inf, -1e30, 1e30]
        flat[random.integers(len(flat))] = np.array(odd[random.integers(4)]).astype(array.dtype)
    else:
        tensors[name] = np.zeros((0, *array.shape[1:]), array.dtype)
    return case.signed(document, tensors)


def signed_value(case: Case, random: Random) -> bytes:
    """Put an odd value somewhere into the document."""
    document, tensors = case.archive()
    holder, key = _random_place(document, random)
    holder[key] = ODD_VALUES[random.integers(len(ODD_VALUES))]
    return case.signed(document, tensors)


def signed_structure(case: Case, random: Random) -> bytes:
    """Remove, add or rename something in the document."""
    document, tensors = case.archive()
    holder, key = _random_place(document, random)
    value = holder.pop(key)
    if random.random() < 0.5 and isinstance(holder, dict):
        holder[f"{key}x"] = value
    return case.signed(document, tensors)


def later_version(case: Case, random: Random) -> bytes:
    document, tensors = case.archive()
    if random.random() < 0.5:
        return case.written(Archive("something else", 1, document, tensors))
    kind, version = str(random.choice(list(KINDS))), int(random.integers(2, 99))
    return case.written(Archive(kind, version, document, tensors))


def _random_place(document: Any, random: Random) -> tuple[Any, Any]:
    places: list[tuple[Any, Any]] = []
    stack = [document]
    while stack:
        holder = stack.pop()
        keys = holder if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            places.append((holder, key))
            if isinstance(holder[key], dict | list):
                stack.append(holder[key])
    return places[random.integers(len(places))]


# damage -> whether what is damaged so could still be a valid file, of other contents
DAMAGES: dict[Callable[[Case, Random], bytes], bool] = {
    **dict.fromkeys((flip_a_bit, overwrite_bytes, truncate, append_bytes, random_bytes), False),
    **dict.fromkeys((zip_bomb, path_traversal, parts_twice, parts_missing, pickled_part), False),
    **dict.fromkeys((duplicate_key, deep_json, huge_shape, later_version), False),
    **dict.fromkeys((signed_swap, signed_tensor, signed_value, signed_structure), True),
}


# --- running --------------------------------------------------------------------------------------


class Watch:
    """Counts what a process executes while it is on."""

    def __init__(self) -> None:
        self.is_on = False
        self.seen: list[str] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.is_on and event in FORBIDDEN:
            self.seen.append(event)


def fuzz_files(n_cases: int, seed: int) -> dict[str, Any]:
    """Damage and load files; return what happened."""
    outcomes: dict[str, Counter[str]] = {damage.__name__: Counter() for damage in DAMAGES}
    failures: list[dict[str, Any]] = []
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        cases = [_good_file(Path(folder) / f"{k}.ganaug", k) for k in range(8)]
        _limit_memory()
        for n in range(n_cases):
            random = np.random.default_rng((seed, n))
            damage = list(DAMAGES)[n % len(DAMAGES)]
            case = cases[random.integers(len(cases))]
            try:
                outcome = _load_damaged(case, damage, random, watch)
            except BaseException as error:
                outcome = "FAILED"
                failures.append(
                    {"case": n, "damage": damage.__name__, "error": repr(error)[:300],
                     "trace": traceback.format_exc()[-1500:]}
                )  # fmt: skip
            outcomes[damage.__name__][outcome] += 1
    return {
        "cases": n_cases,
        "failures": failures,
        "outcomes": {name: dict(counts) for name, counts in outcomes.items()},
    }


def _load_damaged(
    case: Case, damage: Callable[[Case, Random], bytes], random: Random, watch: Watch
) -> str:
    data = damage(case, random)
    target = case.path.with_suffix(".damaged")
    target.write_bytes(data)
    watch.seen.clear()
    watch.is_on = True
    try:
        model = ganaug.load(target)
    except GanaugError as error:
        if len(str(error)) < 20:
            raise AssertionError("the message says nothing") from error
        return "refused"
    finally:
        watch.is_on = False
        if watch.seen:
            raise AssertionError(f"something was executed: {watch.seen}")
    if data == case.data:
        return "unchanged"
    if not DAMAGES[damage]:
        raise AssertionError("a damaged file was loaded")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            scores = model.score_samples(case.X)
            if isinstance(model, ganaug.GANSampler):
                model.sample(5)
        except (GanaugError, ValueError):
            return "loaded, refused when used"
    if len(scores) != n_rows_of(case.X):
        raise AssertionError("a loaded file scores otherwise than any model")
    return "loaded, samples and scores"


def _good_file(path: Path, seed: int) -> Case:
    random = np.random.default_rng(seed)
    _, _, X, y = draw_table(random)
    small: dict[str, Any] = {"n_steps": 3, "batch_size": 8, "hidden_layer_sizes": (4, 3)}
    if seed % 3:
        ganaug.GANSampler(**small, random_state=seed).fit(X, y).save(path)
    else:
        ganaug.GANOutlierDetector(**small, random_state=seed).fit(X).save(path)
    ganaug.load(path).score_samples(X)
    return Case(path, X)


def _limit_memory() -> None:
    """Let a case map 1 GiB beyond what is mapped now (Linux; elsewhere there is no limit)."""
    if not sys.platform.startswith("linux"):
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + MAX_EXTRA_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def fuzz_tables(n_cases: int, seed: int) -> dict[str, Any]:
    """Live through odd tables; return what happened."""
    outcomes, failures = Counter[str](), []
    with tempfile.TemporaryDirectory() as folder:
        for n in range(n_cases):
            try:
                outcomes[run_cycle(np.random.default_rng((seed, n)), Path(folder))] += 1
            except Exception as error:
                failures.append({"case": n, "error": repr(error)[:300],
                                 "trace": traceback.format_exc()[-1500:]})  # fmt: skip
    return {"cases": n_cases, "failures": failures, "outcomes": dict(sorted(outcomes.items()))}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["files", "tables"])
    parser.add_argument("--cases", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args(argv)
    result = {"files": fuzz_files, "tables": fuzz_tables}[args.what](args.cases, args.seed)
    if args.out is not None:
        args.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(f"{result['cases']} {args.what}, {len(result['failures'])} failures")
    for failure in result["failures"][:5]:
        print(failure["error"], file=sys.stderr)
    return int(bool(result["failures"]))


if __name__ == "__main__":
    sys.exit(main())
