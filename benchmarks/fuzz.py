"""Malformed model files, and odd tables: none may crash, run anything, or go silently wrong.

    python -m benchmarks.fuzz files --cases 10000 --out benchmarks/results/fuzz-files.json
    python -m benchmarks.fuzz tables --cases 2000 --out benchmarks/results/fuzz-tables.json

A file is damaged in one of the ways in `benchmarks.damages`. Most keep its checksums right, as
somebody would who means harm; what is loaded all the same must give rows and scores without NaN or
infinity, like any model, or refuse with a message. While it is loaded, the process may map 1 GiB of
memory more than it has (Linux), and an audit hook counts whatever is executed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ganaug
from benchmarks.command import new_parser
from benchmarks.cycle import draw_table, run_cycle
from benchmarks.damages import DAMAGES, Case
from ganaug.exceptions import GanaugError
from tests.tables import columns_of, n_rows_of

Random = np.random.Generator
MAX_EXTRA_BYTES = 2**30
FORBIDDEN = {
    *("exec", "compile", "pickle.find_class", "marshal.loads", "code.__new__", "ctypes.dlopen"),
    *("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect"),
}


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
            scores, rows = model.score_samples(case.X), []
            if isinstance(model, ganaug.GANSampler):
                rows = columns_of(model.sample(5)[0])
        except GanaugError:
            return "loaded, refused when used"
    if len(scores) != n_rows_of(case.X) or not np.isfinite(scores).all():
        raise AssertionError("a loaded file scores otherwise than any model")
    if any(value in (np.inf, -np.inf) for column in rows for value in column):
        raise AssertionError("a loaded file samples what is infinite")
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
    parser = new_parser("fuzz", __doc__)
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
