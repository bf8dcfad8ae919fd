"""The command line: `ganaug resample`, `ganaug sample` and `ganaug demo`.

Nothing here repeats a default of the estimator: an option that wasn't given isn't passed on, and
the help reads the defaults from the signature. torch and pandas are imported once they are needed.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ganaug import _arguments as arguments
from ganaug._files.large import is_large, open_large
from ganaug._files.output import check_output
from ganaug._files.streams import as_arrow, write_tables
from ganaug._files.tables import check_suffix, read_table
from ganaug.exceptions import DataError, GanaugError

if TYPE_CHECKING:
    from ganaug._files.tables import Table
    from ganaug.sampler import GANSampler

__all__ = ["main"]

SAMPLER_OPTIONS = ("sampling_strategy", "n_steps", "random_state", "device")
MODEL_SUFFIX = ".ganaug"
USER_ERROR, INTERRUPTED = 2, 130

OVERVIEW = """\
Balance an imbalanced table with a conditional GAN.

examples:
  ganaug resample data.csv --target y -o balanced.csv
  ganaug sample data.csv --target y -n 1000 --class yes -o rows.csv
  ganaug demo

`ganaug COMMAND --help` explains each of them.
"""

RESAMPLE = """\
Train on a table and write it again with synthetic rows added to its small classes.

The rows of the input come first, exactly as they were; numbers, dates and categories of the
synthetic ones are written in the same way. A CSV column is taken as numbers or dates only if all
of its cells read so; numbers with leading zeros, such as 007, are text. Text is categorical, and
an empty cell in it is a missing value ("NA" is not, it may be a level).

A folder of Parquet files, or a file of more than 256 MB, is read in parts and never held in memory
as a whole; the output has the format of the input then.

examples:
  ganaug resample data.csv --target y -o balanced.csv
  ganaug resample data.csv.gz --target y --strategy 0.5 --seed 0 -o balanced.parquet
  ganaug resample data.csv --target y --strategy yes=5000,maybe=3000 -o more.csv
  ganaug resample data.csv --target y --categorical zip,branch --mark-synthetic synthetic -o b.csv
"""

SAMPLE = """\
Train on a table, or take a saved sampler (.ganaug), and write synthetic rows only.

Rows of a saved sampler are written as they are made: their number is not bound by memory.

examples:
  ganaug sample data.csv --target y -n 1000 -o rows.csv
  ganaug sample data.parquet --target y -n 1000 --class yes --seed 0 -o rows.parquet
  ganaug sample model.ganaug -n 50_000_000 -o rows.parquet
"""

DEMO = """\
Balance a real table (UCI Bank Marketing, 11% positive) and score classifiers on untouched rows.

Prints how logistic regression, random forest and gradient boosting do without sampling, with
SMOTENC and with ganaug, and draws real and synthetic rows side by side.

examples:
  ganaug demo
  ganaug demo --seed 1 -o demo.png --force
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments, by default those of the process.

    Returns
    -------
    int
        The exit status: 0, 2 after an error of the user, 130 after an interruption.

    Examples
    --------
    >>> from ganaug.cli import main
    >>> main(["resample", "no.csv", "--target", "y", "-o", "out.txt"])
    2
    """
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except KeyboardInterrupt:
        print("ganaug: interrupted; nothing was written.", file=sys.stderr)
        return INTERRUPTED
    except (GanaugError, OSError) as error:
        if args.verbose:
            raise
        print(f"ganaug: error: {_sentence(error)}", file=sys.stderr)
        return USER_ERROR
    return 0


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return " ".join(str(error).split())


# --- commands -----------------------------------------------------------------------------------


def _resample(args: argparse.Namespace) -> None:
    if is_large(args.input):
        _resample_large(args)
        return
    table = _read(args)
    mark = args.mark_synthetic
    if mark is not None and mark in table.names:
        raise DataError(f"{args.input} has a column {mark!r} already; name another one.")
    strategy = getattr(args, "sampling_strategy", None)
    if isinstance(strategy, dict):
        args.sampling_strategy = {
            _class_named(name, table.classes): count for name, count in strategy.items()
        }
    sampler = _sampler(args)
    with _refusals():
        resampled = sampler.fit_resample(table.X, table.y)
    X, y = table.new_rows(*resampled)
    table.write(args.output, X, y, originals=True, mark=mark, force=args.force)
    added = {label: n for label, n in sampler.sampling_strategy_.items() if n}
    detail = ", ".join(f"{label} +{n:,}" for label, n in added.items()) or "no class needed any"
    _tell(args, f"{args.output}: {table.n_rows:,} rows as they were, {len(y):,} new ({detail})")


def _resample_large(args: argparse.Namespace) -> None:
    """Resample in parts what may not fit into memory."""
    check_output(args.output, args.force)
    check_suffix(args.output)
    table = open_large(args.input, args.target, args.categorical)
    mark = args.mark_synthetic
    if mark is not None and mark in table.names:
        raise DataError(f"{args.input} has a column {mark!r} already; name another one.")
    strategy = getattr(args, "sampling_strategy", None)
    if isinstance(strategy, dict):
        args.sampling_strategy = {table.class_named(name): n for name, n in strategy.items()}
    sampler = _sampler(args).set_params(categorical_features=args.categorical or "auto")
    with _refusals():
        sampler.fit(table.dataset, args.target)
    added = {label: n for label, n in sampler.sampling_strategy_.items() if n}
    n_new = table.write(args.output, sampler.sample_batches(added), mark=mark, force=args.force)
    detail = ", ".join(f"{label} +{n:,}" for label, n in added.items()) or "no class needed any"
    _tell(args, f"{args.output}: all rows as they were, {n_new:,} new ({detail})")


def _sample(args: argparse.Namespace) -> None:
    if args.input.name.endswith(MODEL_SUFFIX):
        _sample_from_model(args)
        return
    if args.target is None:
        raise DataError(f"name the column of {args.input} with the labels: --target.")
    table = _read(args)
    label = None if args.label is None else _class_named(args.label, table.classes)
    with _refusals():
        X, y = _sampler(args).fit(table.X, table.y).sample(args.n_samples, y=label)
    table.write(args.output, X, y, originals=False, mark=None, force=args.force)
    _tell(args, f"{args.output}: {len(y):,} synthetic rows")


def _sample_from_model(args: argparse.Namespace) -> None:
    """Write rows of a saved sampler as they are made."""
    from ganaug import load

    check_output(args.output, args.force)
    check_suffix(args.output)
    sampler = load(args.input)
    if not hasattr(sampler, "sample_batches"):
        raise DataError(f"{args.input} holds a detector; `ganaug sample` takes a saved sampler.")
    label = None if args.label is None else _class_named(args.label, sampler.classes_.tolist())
    seed = getattr(args, "random_state", None)
    batches = sampler.sample_batches(args.n_samples, y=label, random_state=seed)
    tables = (as_arrow(X, y, args.target) for X, y in batches)
    write_tables(args.output, tables, args.force)
    _tell(args, f"{args.output}: {args.n_samples:,} synthetic rows")


def _demo(args: argparse.Namespace) -> None:
    from ganaug.demo import run_demo

    given = {key: getattr(args, key) for key in ("output", "random_state") if hasattr(args, key)}
    print(run_demo(**given, force=args.force, progress=not args.quiet))


def _read(args: argparse.Namespace) -> Table:
    """Read the table, once it is sure that the result can be written."""
    check_output(args.output, args.force)
    check_suffix(args.output)
    return read_table(args.input, args.target, args.categorical)


def _sampler(args: argparse.Namespace) -> GANSampler:
    from ganaug.sampler import GANSampler

    given = {key: getattr(args, key) for key in SAMPLER_OPTIONS if hasattr(args, key)}
    progress = args.verbose or (sys.stderr.isatty() and not args.quiet)
    return GANSampler(**given, verbose=int(progress))


@contextmanager
def _refusals() -> Iterator[None]:
    """Take what scikit-learn refuses, such as a parameter out of range, for a user's error."""
    try:
        yield
    except ValueError as error:
        raise DataError(str(error)) from error


def _class_named(name: str, classes: Sequence[Any]) -> Any:
    """Return the label that reads `name`."""
    for label in classes:
        if str(label) == name:
            return label
    raise DataError(f"there is no class {name!r}; there are {', '.join(map(str, classes))}.")


def _tell(args: argparse.Namespace, message: str) -> None:
    if not args.quiet:
        print(message)


# --- arguments ----------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A parser whose errors look like all others."""

    def error(self, message: str) -> NoReturn:
        self.exit(USER_ERROR, f"ganaug: error: {message}; see {self.prog} --help.\n")


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Adds defaults from the signature of `source`, "module:name", when help is shown."""

    def __init__(self, prog: str, source: str) -> None:
        super().__init__(prog, max_help_position=30)
        self._source = source

    def _get_help_string(self, action: argparse.Action) -> str | None:
        module, _, name = self._source.partition(":")
        parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
        if action.dest not in parameters or action.default is not argparse.SUPPRESS:
            return action.help
        default = parameters[action.dest].default
        return action.help if default is None else f"{action.help} (default: {default})"


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        "ganaug", description=OVERVIEW, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    estimator = "ganaug.sampler:GANSampler"
    add = partial(_add_command, commands)

    resample = add("resample", _resample, RESAMPLE, estimator, "write a table with rows added")
    _add_table_options(resample, "the table: .csv, .csv.gz, .parquet or a folder of .parquet files")
    resample.add_argument("--target", required=True, help="the column with the classes")
    resample.add_argument(
        "--strategy",
        dest="sampling_strategy",
        metavar="STRATEGY",
        type=arguments.strategy,
        default=argparse.SUPPRESS,
        help=f"which classes to fill up: {', '.join(arguments.STRATEGIES)}; or the ratio of "
        "minority to majority; or rows per class afterwards, as CLASS=COUNT,CLASS=COUNT or JSON",
    )
    resample.add_argument(
        "--mark-synthetic", metavar="COLUMN", help="add a boolean column that is true in new rows"
    )
    _add_training_options(resample)
    _add_common_options(resample)

    sample = add("sample", _sample, SAMPLE, estimator, "write synthetic rows only")
    _add_table_options(sample, f"the table: .csv, .csv.gz or .parquet; or a saved {MODEL_SUFFIX}")
    sample.add_argument("--target", help="the column with the classes; needed for a table")
    sample.add_argument(
        "-n",
        dest="n_samples",
        metavar="COUNT",
        type=arguments.count,
        required=True,
        help="how many rows",
    )
    sample.add_argument(
        "--class",
        dest="label",
        metavar="CLASS",
        help="class of all rows (by default shared out as `resample` would add them)",
    )
    _add_training_options(sample)
    _add_common_options(sample)

    demo = add("demo", _demo, DEMO, "ganaug.demo:run_demo", "the main job on a real table")
    demo.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        default=argparse.SUPPRESS,
        help="the picture to draw",
    )
    _add_common_options(demo)
    return parser


def _add_command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace], None],
    description: str,
    source: str,
    summary: str,
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=partial(_HelpFormatter, source=source),
    )
    command.set_defaults(run=run)
    return command


def _add_table_options(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("input", type=Path, help=what)
    command.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        required=True,
        help="where to write: .csv, .csv.gz or .parquet",
    )


def _add_training_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--categorical",
        metavar="COLUMN,...",
        type=lambda text: text.split(","),
        default=[],
        help="columns of numbers that are categories, besides all text columns",
    )
    command.add_argument(
        "--steps",
        dest="n_steps",
        metavar="STEPS",
        type=arguments.steps,
        default=argparse.SUPPRESS,
        help="training steps, or auto",
    )
    command.add_argument(
        "--device",
        default=argparse.SUPPRESS,
        help="where to train: auto, cpu, cuda, cuda:1, mps ...",
    )


def _add_common_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--seed",
        dest="random_state",
        metavar="SEED",
        type=int,
        default=argparse.SUPPRESS,
        help="the same seed gives the same rows",
    )
    command.add_argument("--force", action="store_true", help="replace the output if it exists")
    volume = command.add_mutually_exclusive_group()
    volume.add_argument("--quiet", action="store_true", help="print nothing but errors")
    volume.add_argument(
        "--verbose", action="store_true", help="always show progress, and tracebacks of errors"
    )


class _Version(argparse.Action):
    """Prints the version; the package is asked only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from ganaug import __version__

        print("ganaug", __version__)
        parser.exit()
