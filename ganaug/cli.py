"""The command line: `ganaug resample`, `sample`, `fit`, `score` and `demo`.

Nothing here repeats a default of the estimator: an option that wasn't given isn't passed on, and
the help reads the defaults from the signature. torch and pandas are imported once they are needed.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from ganaug import _arguments as arguments
from ganaug import _commands as commands
from ganaug._memory import explaining_memory
from ganaug._warning import INTERRUPTION, words_for_the_shell
from ganaug.exceptions import GanaugError

__all__ = ["main"]

USER_ERROR, INTERRUPTED = 2, 130

OVERVIEW = """\
Balance an imbalanced table with a conditional GAN.

examples:
  ganaug resample data.csv --target y -o balanced.csv
  ganaug sample data.csv --target y -n 1000 --class yes -o rows.csv
  ganaug fit data.csv --target y -o model.ganaug
  ganaug score model.ganaug more.csv -o scores.csv
  ganaug demo

`ganaug COMMAND --help` explains each of them. Ctrl-C ends a training, and what is written then is
of the best generator so far; the exit status is 130.
"""

RESAMPLE = """\
Train on a table and write it again with synthetic rows added to its small classes.

The rows of the input come first, exactly as they were; numbers, dates and categories of the
synthetic ones are written in the same way. A CSV column is taken as numbers or dates only if all
of its cells read so; numbers with leading zeros, such as 007, are text. Text is categorical, and
an empty cell in it is a missing value ("NA" is not, it may be a level).

A folder of Parquet files, or a file of more than 256 MB (before compression, if it is Parquet), is
read in parts and never held in memory as a whole; the output has the format of the input then.
Files that end with .csv.gz are always read as a whole.

examples:
  ganaug resample data.csv --target y -o balanced.csv
  ganaug resample data.csv.gz --target y --strategy 0.5 --seed 0 -o balanced.parquet
  ganaug resample data.csv --target y --strategy yes=5000,maybe=3000 -o more.csv
  ganaug resample data.csv --target y --categorical zip,branch --mark-synthetic synthetic -o b.csv
"""

SAMPLE = """\
Train on a table, or take a saved sampler (.ganaug), and write synthetic rows only.

Rows of a saved sampler are written as they are made: their number is not bound by memory.

--where says what rows must be, all conditions at once: COLUMN=VALUE, COLUMN=LOW..HIGH (either end
may be left out; numbers or dates such as 2024-02-29), COLUMN=LEVEL,LEVEL for one of several
categories, and COLUMN= for a missing value. A part of a date stands for all of it: 2024-03..2024-05
ends with the last of May.

examples:
  ganaug sample data.csv --target y -n 1000 -o rows.csv
  ganaug sample model.ganaug -n 1000 --where age=60.. --where job=retired,student -o rows.csv
  ganaug sample data.parquet --target y -n 1000 --class yes --seed 0 -o rows.parquet
  ganaug sample model.ganaug -n 50_000_000 -o rows.parquet
"""

FIT = """\
Train on a table and save what was learned: to sample from it, and to score rows with it.

The file is data, not code. With --checkpoint a run that is killed goes on where it was if the same
command is given again with --resume. --detector fits a detector of anomalies; it needs no --target,
and leaves that column out if there is one.

examples:
  ganaug fit data.csv --target y -o model.ganaug
  ganaug fit folder_of_parquet --target y --checkpoint run --resume -o model.ganaug
  ganaug fit data.csv --detector -o detector.ganaug
"""

SCORE = """\
Write a table with a column anomaly_score: from 0 to 1, higher is more anomalous; 5% of the rows
that the model was fitted on are above 0.5.

A sampler says how unlike every class a row is or, with --target, how unlike its own class. A
detector adds a column p_value: a usual row is below 0.05 once in 20 times.

examples:
  ganaug score model.ganaug more.csv -o scores.csv
  ganaug score model.ganaug more.csv --target y -o scores.csv
  ganaug score detector.ganaug more.parquet -o scores.parquet
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
        The exit status: 0, 2 after an error of the user, 130 after an interruption, also of a
        training of which the result so far was kept and written.

    Examples
    --------
    >>> from ganaug.cli import main
    >>> main(["resample", "no.csv", "--target", "y", "-o", "out.txt"])
    2
    """
    args = _parser().parse_args(argv)
    try:
        with (
            _telling_warnings(is_quiet=args.quiet) as told,
            explaining_memory("give it a smaller table, or more memory"),
        ):
            args.run(args)
    except KeyboardInterrupt:
        print("ganaug: interrupted; nothing was written.", file=sys.stderr)
        return INTERRUPTED
    except (GanaugError, OSError) as error:
        if args.verbose:
            raise
        print(f"ganaug: error: {_sentence(error)}", file=sys.stderr)
        return USER_ERROR
    return INTERRUPTED if any(text.startswith(INTERRUPTION) for text in told) else 0


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}."
    return _on_one_line(str(error))


@contextmanager
def _telling_warnings(*, is_quiet: bool) -> Iterator[set[str]]:
    """Print warnings as sentences, each once, and give those that were.

    If quiet, or if the filters of Python say so, as everywhere, none are shown: they are about how
    good a result is. Only that a training was interrupted is shown in any case.
    """
    told: set[str] = set()

    def tell(message: Warning | str, *_: object, **__: object) -> None:
        text = _on_one_line(words_for_the_shell(message))
        if text not in told:
            told.add(text)
            print(f"ganaug: warning: {text}", file=sys.stderr)

    with warnings.catch_warnings():
        if is_quiet:
            warnings.simplefilter("ignore")
        warnings.filterwarnings("always", INTERRUPTION)
        warnings.showwarning = tell
        yield told


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


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
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    estimator = "ganaug.sampler:GANSampler"
    add = partial(_add_command, subparsers)

    resample = add(
        "resample", commands.resample, RESAMPLE, estimator, "write a table with rows added"
    )
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

    sample = add("sample", commands.sample, SAMPLE, estimator, "write synthetic rows only")
    _add_table_options(
        sample, f"the table: .csv, .csv.gz or .parquet; or a saved {commands.MODEL_SUFFIX}"
    )
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
    sample.add_argument(
        "--where",
        metavar="COLUMN=VALUE",
        type=arguments.condition,
        action="append",
        default=[],
        help="what rows must be; may be given several times",
    )
    _add_training_options(sample)
    _add_common_options(sample)

    fit = add("fit", commands.fit, FIT, estimator, "save a fitted sampler or detector")
    _add_table_options(fit, "the table: .csv, .csv.gz, .parquet or a folder of .parquet files",
                       f"where to write: {commands.MODEL_SUFFIX}")  # fmt: skip
    fit.add_argument("--target", help="the column with the classes")
    fit.add_argument("--detector", action="store_true", help="fit a detector of anomalies")
    _add_training_options(fit)
    fit.add_argument(
        "--checkpoint",
        metavar="FOLDER",
        default=argparse.SUPPRESS,
        help="keep the state of the training there, to go on from",
    )
    fit.add_argument(
        "--resume",
        action="store_true",
        default=argparse.SUPPRESS,
        help="go on from what is in --checkpoint",
    )
    _add_common_options(fit)

    score = add("score", commands.score, SCORE, "ganaug:load", "write a table with anomaly scores")
    score.add_argument("model", type=Path, help=f"a saved {commands.MODEL_SUFFIX}")
    _add_table_options(score, "the table: .csv, .csv.gz or .parquet")
    score.add_argument("--target", help="the column with the class that each row is compared with")
    _add_device_option(score, "where to score, if not where it was fitted")
    _add_volume_options(score)

    demo = add("demo", commands.demo, DEMO, "ganaug.demo:run_demo", "the main job on a real table")
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
    subparsers: Any,
    name: str,
    run: Callable[[argparse.Namespace], None],
    description: str,
    source: str,
    summary: str,
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=partial(_HelpFormatter, source=source),
    )
    command.set_defaults(run=run)
    return command


def _add_table_options(
    command: argparse.ArgumentParser,
    what: str,
    output: str = "where to write: .csv, .csv.gz or .parquet",
) -> None:
    command.add_argument("input", type=Path, help=what)
    command.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        required=True,
        help=output,
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
    _add_device_option(command, "where to train and to sample")


def _add_device_option(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument(
        "--device", default=argparse.SUPPRESS, help=f"{what}: auto, cpu, cuda, cuda:1, mps ..."
    )


def _add_common_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--seed",
        dest="random_state",
        metavar="SEED",
        type=arguments.seed,
        default=argparse.SUPPRESS,
        help="the same seed gives the same rows",
    )
    _add_volume_options(command)


def _add_volume_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--force", action="store_true", help="replace the output if it exists")
    volume = command.add_mutually_exclusive_group()
    volume.add_argument("--quiet", action="store_true", help="print only errors and interruptions")
    volume.add_argument(
        "--verbose", action="store_true", help="always show progress, and tracebacks of errors"
    )


class _Version(argparse.Action):
    """Prints the version; the package is asked only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from ganaug import __version__

        print("ganaug", __version__)
        parser.exit()
