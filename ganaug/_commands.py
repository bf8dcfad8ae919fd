"""What each command does; torch and pandas are imported once they are needed."""

from __future__ import annotations

import argparse
import secrets
import sys
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganaug._files.fitted import FittedColumn, by_text
from ganaug._files.large import check_large_output, is_large, open_large
from ganaug._files.output import check_output
from ganaug._files.reading import SUFFIXES, check_input
from ganaug._files.streams import as_arrow, write_tables
from ganaug._files.tables import Table, read_table
from ganaug._warning import warn
from ganaug.exceptions import DataError

if TYPE_CHECKING:
    from ganaug.detector import GANOutlierDetector
    from ganaug.sampler import GANSampler

__all__ = ["MODEL_SUFFIX", "demo", "fit", "resample", "sample", "score"]

# Options that are passed on if they were given, by the names of the estimators' parameters.
SAMPLER_OPTIONS = (
    "sampling_strategy",
    "n_steps",
    "random_state",
    "device",
    "checkpoint",
    "resume",
)
DETECTOR_OPTIONS = ("n_steps", "random_state")
# Options of a command that one of its uses has nothing to do with, by their flags.
NOT_FOR_MODELS = {"--steps": "n_steps", "--categorical": "categorical"}
NOT_FOR_DETECTORS = {"--device": "device", "--checkpoint": "checkpoint", "--resume": "resume"}
MODEL_SUFFIX = ".ganaug"
SCORE, P_VALUE = "anomaly_score", "p_value"
# Rows that are made at a time, for a file; they may have long texts.
BATCH_ROWS = 16_384
# So many show which classes are asked for.
REHEARSED_ROWS = 1000


def resample(args: argparse.Namespace) -> None:
    """Write a table with synthetic rows added to its small classes."""
    _check_files(args)
    if is_large(args.input):
        _resample_large(args)
        return
    table = read_table(args.input, args.target, args.categorical)
    mark = args.mark_synthetic
    _refuse_columns(args.input, table.names, [mark])
    strategy = getattr(args, "sampling_strategy", None)
    if isinstance(strategy, dict):
        args.sampling_strategy = _by_class(strategy, lambda name: _class_named(name, table.classes))
    sampler = _sampler(args)
    with _refusals():
        resampled = sampler.fit_resample(table.X, table.y)
    X, y = table.new_rows(*resampled)
    table.write(args.output, X, y, originals=True, mark=mark, force=args.force)
    detail = _added(sampler)
    _tell(args, f"{args.output}: {table.n_rows:,} rows as they were, {len(y):,} new ({detail})")


def sample(args: argparse.Namespace) -> None:
    """Write synthetic rows only."""
    _check_files(args)
    if args.input.name.lower().endswith(MODEL_SUFFIX):
        _sample_from_model(args)
        return
    if args.target is None:
        raise DataError(f"name the column of {args.input} with the labels: --target.")
    table = read_table(args.input, args.target, args.categorical)
    label = None if args.label is None else _class_named(args.label, table.classes)
    args.where = [_split(condition, table.names) for condition in args.where]
    _check_conditions(args.where, table.names, args.target)
    sampler = _sampler(args)
    with _refusals():
        if args.where:
            _rehearse(sampler, table, label, args)
        sampler.fit(table.X, table.y)
        X, y = sampler.sample(args.n_samples, y=label, where=_where(args.where, sampler))
    table.write(args.output, X, y, originals=False, mark=None, force=args.force)
    _tell(args, f"{args.output}: {len(y):,} synthetic rows")


def fit(args: argparse.Namespace) -> None:
    """Train on a table and write the fitted sampler or detector."""
    _check_files(args, suffixes=[MODEL_SUFFIX])
    if args.detector:
        _fit_detector(args)
        return
    if args.target is None:
        raise DataError(
            f"name the column of {args.input} with the labels: --target; or fit a detector of "
            "anomalies, which needs none: --detector."
        )
    if hasattr(args, "resume") and not hasattr(args, "checkpoint"):
        raise DataError(
            "--resume goes on from the folder that --checkpoint names; give that, too, or leave "
            "--resume out."
        )
    sampler = _sampler(args)
    with _refusals():
        if is_large(args.input):
            table = open_large(args.input, args.target, args.categorical)
            sampler.set_params(categorical_features=args.categorical or "auto")
            sampler.fit(table.dataset, args.target)
            _name_labels(sampler, args.target)
        else:
            rows = read_table(args.input, args.target, args.categorical)
            sampler.fit(rows.X, rows.y)
    sampler.save(args.output)
    _tell(args, f"{args.output}: a sampler of {args.input}, classes {_shown(sampler.classes_)}")


def score(args: argparse.Namespace) -> None:
    """Write a table with the anomaly score of each row."""
    import numpy as np

    from ganaug import load

    _check_files(args)
    model = load(args.model, device=getattr(args, "device", None))
    table = read_table(args.input, args.target)
    columns = _fitted_columns(model, args.model)
    X = table.like(columns)
    _warn_of_foreign(args.input, X, columns)
    with _refusals():
        if hasattr(model, "p_value"):
            new = {SCORE: model.anomaly_score(X), P_VALUE: model.p_value(X)}
        elif args.target is None:
            new = {SCORE: model.anomaly_score(X)}
        else:
            classes = FittedColumn(args.target, model.classes_.tolist(), None)
            labels: Any = classes.as_levels(table.labels)
            if model.classes_.dtype.kind == "M":
                labels = np.array(labels, dtype=model.classes_.dtype)
            new = {SCORE: model.anomaly_score(X, labels)}
    _refuse_columns(args.input, table.names, list(new))
    table.write_with(args.output, new, force=args.force)
    n_past = int((new[SCORE] > 0.5).sum())
    _tell(args, f"{args.output}: {table.n_rows:,} rows, {n_past:,} with {SCORE} above 0.5")


def demo(args: argparse.Namespace) -> None:
    """Run the main job on a real table."""
    from ganaug.demo import run_demo

    given = {key: getattr(args, key) for key in ("output", "random_state") if hasattr(args, key)}
    print(run_demo(**given, force=args.force, progress=not args.quiet))


# --- parts of them --------------------------------------------------------------------------------


def _resample_large(args: argparse.Namespace) -> None:
    """Resample in parts what may not fit into memory."""
    mark = args.mark_synthetic
    check_large_output(args.input, args.output, mark)
    table = open_large(args.input, args.target, args.categorical)
    _refuse_input(args.output, map(Path, table.dataset.files))  # links in a folder
    _refuse_columns(args.input, table.names, [mark])
    strategy = getattr(args, "sampling_strategy", None)
    if isinstance(strategy, dict):
        args.sampling_strategy = _by_class(strategy, table.class_named)
    sampler = _sampler(args).set_params(categorical_features=args.categorical or "auto")
    with _refusals():
        sampler.fit(table.dataset, args.target)
    added = {label: n for label, n in sampler.sampling_strategy_.items() if n}
    new = sampler.sample_batches(added, for_training=True, batch_rows=BATCH_ROWS)
    n_new = table.write(args.output, new, mark=mark, force=args.force)
    _tell(args, f"{args.output}: all rows as they were, {n_new:,} new ({_added(sampler)})")


def _sample_from_model(args: argparse.Namespace) -> None:
    """Write rows of a saved sampler as they are made."""
    from ganaug import load

    _refuse_options(args, NOT_FOR_MODELS, f"{args.input} is trained already")
    sampler = load(args.input, device=getattr(args, "device", None))
    if not hasattr(sampler, "sample_batches"):
        raise DataError(f"{args.input} holds a detector; `ganaug sample` takes a saved sampler.")
    label = None if args.label is None else _class_named(args.label, sampler.classes_.tolist())
    with _refusals():
        batches = sampler.sample_batches(
            args.n_samples,
            y=label,
            where=_where(args.where, sampler),
            random_state=getattr(args, "random_state", None),
        )
        tables = (as_arrow(X, y, args.target) for X, y in batches)
        write_tables(args.output, tables, args.force)
    _tell(args, f"{args.output}: {args.n_samples:,} synthetic rows")


def _fit_detector(args: argparse.Namespace) -> None:
    from ganaug.detector import GANOutlierDetector

    reason = "a detector is trained without a checkpoint and on the CPU"
    _refuse_options(args, NOT_FOR_DETECTORS, reason)
    if args.input.is_dir():
        raise DataError(f"{args.input} is a folder, which detectors don't read; fit one to a file.")
    table = read_table(args.input, args.target, args.categorical)
    given = {key: getattr(args, key) for key in DETECTOR_OPTIONS if hasattr(args, key)}
    with _refusals():
        detector: GANOutlierDetector = GANOutlierDetector(**given).fit(table.X)
    detector.save(args.output)
    _tell(args, f"{args.output}: a detector of {table.n_rows:,} rows of {args.input}")


def _sampler(args: argparse.Namespace) -> GANSampler:
    from ganaug.sampler import GANSampler

    given = {key: getattr(args, key) for key in SAMPLER_OPTIONS if hasattr(args, key)}
    progress = args.verbose or (sys.stderr.isatty() and not args.quiet)
    return GANSampler(**given, verbose=int(progress))


def _name_labels(sampler: GANSampler, target: str) -> None:
    """Let labels that were read in parts, which are an array of pyarrow, remember their column."""
    import pyarrow as pa

    sampler._label_prototypes = pa.table({target: sampler._label_prototypes})


def _fitted_columns(model: Any, path: Path) -> list[FittedColumn]:
    """Return what a model knows of the columns of a table."""
    from ganaug._encoding.fitted_columns import zones_of_dates

    encoder = model.encoder_
    if not all(isinstance(name, str) for name in encoder.names_):
        raise DataError(f"{path} was fitted on columns without names; no file has those.")
    zones = zones_of_dates(encoder, model._row_builder)
    return [
        FittedColumn(column.name, column.levels, column.unit, zones.get(position))
        for position, column in enumerate(encoder.empty_columns())
    ]


def _warn_of_foreign(path: Path, X: Any, columns: Iterable[FittedColumn]) -> None:
    """Say of which categories none is known: whoever writes the file may spell them otherwise."""
    foreign = [
        f"column {column.name!r}"
        for column in columns
        if column.levels is not None and column.is_foreign(X[column.name].dropna().tolist())
    ]
    if foreign:
        warn(
            f"no value of {', '.join(foreign)} in {path} was seen in fit, which makes all of its "
            "rows more anomalous; make sure that its categories are written as they were there.",
            UserWarning,
        )


def _check_conditions(texts: Sequence[tuple[str, str]], names: Sequence[str], target: str) -> None:
    """Refuse conditions on columns that there are none of, before anything is trained."""
    for name, _ in texts:
        if name == target:
            raise DataError(f"--where {name}=... asks for labels; name a class with --class.")
        if name not in names:
            raise DataError(
                f"--where asks for column {name!r}, which is not in the table; its columns are "
                f"{', '.join(names)}."
            )


def _split(condition: tuple[str, str], names: Container[str]) -> tuple[str, str]:
    """Return a condition's column, which may have = in its name, and what it must be."""
    parts = "=".join(condition).split("=")
    splits = (("=".join(parts[:n]), "=".join(parts[n:])) for n in range(1, len(parts)))
    return next((split for split in splits if split[0] in names), condition)


def _rehearse(sampler: GANSampler, table: Table, label: Any, args: argparse.Namespace) -> None:
    """Refuse conditions that can't be met before training: one step is enough to know the rows.

    Which rows of a large class are trained on is the seed's choice, so both fits get the same one.
    """
    from sklearn.base import clone

    if sampler.random_state is None:
        sampler.set_params(random_state=secrets.randbits(31))
    with warnings.catch_warnings(action="ignore"):
        rehearsal = clone(sampler).set_params(n_steps=1, verbose=0).fit(table.X, table.y)
        if rehearsal.history_.get("interrupted"):
            raise KeyboardInterrupt
        n_rows = min(args.n_samples, REHEARSED_ROWS)
        rehearsal.sample(n_rows, y=label, where=_where(args.where, rehearsal))


def _where(texts: Sequence[tuple[str, str]], sampler: GANSampler) -> dict[Any, Any] | None:
    """Return conditions as `sample` takes them, from texts such as 60..75 and retired,student."""
    if not texts:
        return None
    columns = {str(column.name): column for column in sampler.encoder_.empty_columns()}
    out: dict[Any, Any] = {}
    for text_name, text in (_split(condition, columns) for condition in texts):
        column = columns.get(text_name)
        name = text_name if column is None else column.name
        if name in out:
            raise DataError(f"--where names column {text_name!r} twice; give one condition for it.")
        out[name] = text if column is None else _wanted(text, column)
    return out


def _wanted(text: str, column: Any) -> Any:
    """Return a condition on a column of numbers, dates or categories."""
    if column.levels is None:
        return _range_wanted(text, is_time=column.unit is not None)
    return _levels_wanted(text, column.levels)


def _levels_wanted(text: str, levels: Sequence[Any]) -> Any:
    known = by_text(levels)
    if text in known:
        return known[text]
    return [known.get(part, part) if part else None for part in text.split(",")]


def _range_wanted(text: str, is_time: bool) -> Any:
    """Return a number, a date or a range of them."""
    if not text:
        return None
    read = str if is_time else _number  # 2024 is a year there
    low, dots, high = text.partition("..")
    if not dots:
        return read(low)
    return (read(low) if low else None, read(high) if high else None)


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass  # not of this kind
    return text


def _check_files(args: argparse.Namespace, suffixes: Sequence[str] = SUFFIXES) -> None:
    """Make sure that there is an input, and that the result can be written."""
    check_output(args.output, args.force, suffixes)
    inputs = [args.input, *([args.model] if hasattr(args, "model") else [])]
    for path in inputs:
        check_input(path)
    _refuse_input(args.output, inputs)
    if args.input.is_dir() and args.input.resolve() in args.output.resolve().parents:
        raise DataError(f"{args.output} is in the folder that is read; name a file outside of it.")


def _refuse_input(output: Path, sources: Iterable[Path]) -> None:
    if output.exists() and any(output.samefile(path) for path in sources):
        raise DataError(f"{output} is what is read; name another file for the result.")


def _refuse_columns(path: Path, names: Sequence[str], new: Sequence[str | None]) -> None:
    for name in new:
        if name is not None and name in names:
            raise DataError(f"{path} has a column {name!r} already; rename it, or name another.")


def _refuse_options(args: argparse.Namespace, options: Mapping[str, str], reason: str) -> None:
    if given := [flag for flag, name in options.items() if getattr(args, name, None)]:
        raise DataError(f"{reason}; leave out {', '.join(given)}.")


@contextmanager
def _refusals() -> Iterator[None]:
    """Take what scikit-learn refuses, such as a parameter out of range, for a user's error."""
    try:
        yield
    except ValueError as error:
        raise DataError(str(error)) from error


def _class_named(name: str, classes: Sequence[Any]) -> Any:
    """Return the label that reads `name`."""
    known = by_text(classes)
    if name not in known:
        raise DataError(f"there is no class {name!r}; there are {', '.join(map(str, classes))}.")
    return known[name]


def _by_class(counts: Mapping[str, int], class_named: Callable[[str], Any]) -> dict[Any, int]:
    """Return numbers of rows by the classes that are named, each once in whatever spelling."""
    by_class: dict[Any, int] = {}
    for name, count in counts.items():
        label = class_named(name)
        if label in by_class:
            raise DataError(f"--strategy names class {label!s} twice; give one number of rows.")
        by_class[label] = count
    return by_class


def _added(sampler: GANSampler) -> str:
    added = {label: n for label, n in sampler.sampling_strategy_.items() if n}
    return ", ".join(f"{label} +{n:,}" for label, n in added.items()) or "no class needed any"


def _shown(classes: Any) -> str:
    return ", ".join(map(str, classes.tolist()[:8])) + (", ..." if len(classes) > 8 else "")


def _tell(args: argparse.Namespace, message: str) -> None:
    if not args.quiet:
        print(message)
