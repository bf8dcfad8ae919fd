"""Do the five classic GANs draw the digit that was asked for? ``python -m benchmarks.classics``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.command import RESULTS, names, new_parser
from benchmarks.images import N_CLASSES, Images, Labels, SmallCNN, read_digits
from benchmarks.markdown import section
from benchmarks.store import Results
from examples.plot_five_classic_gans import CLASSICS

OVERVIEW = """\
Each classic of examples/plot_five_classic_gans.py is trained on real digits of all ten classes with
its own recipe. A convolutional network trained on real digits says of 100 drawn images of each
class which digit they are: agreement is how often it is the one that was asked for, the share of a
digit how many of all images it is.

example:
  python -m benchmarks.classics --data ../shared/data
"""

COLUMNS = (
    *("classic", "epoch", "of_epochs", "step", "digit", "agreement", "share"),
    *("judge_accuracy", "seconds"),
)
KEY_COLUMNS = ("classic", "epoch", "digit")
DRAWN_OF_EACH = 100
EPOCHS_BETWEEN = 10
JUDGE_STEPS = 1500


class Referee:
    """Draws images at some of the checks and tells which digits they are.

    A callback of `GANSampler`; its rows are appended as they are made.
    """

    def __init__(
        self,
        name: str,
        judge: SmallCNN,
        judge_accuracy: float,
        results: Results,
        max_seconds: float,
    ) -> None:
        self.name = name
        self._judge = judge
        self._accuracy = judge_accuracy
        self._results = results
        self._max_seconds = max_seconds
        self._start = time.process_time()
        self._n_checks = 0

    def __call__(self, check: Any) -> bool:
        self._n_checks += 1  # one for each epoch
        epochs = CLASSICS[self.name].epochs
        if self._n_checks % EPOCHS_BETWEEN and self._n_checks != epochs:
            return False
        seconds = time.process_time() - self._start
        asked = np.repeat(np.arange(N_CLASSES), DRAWN_OF_EACH)
        seen = self._judge.predict(drawn(check.generator, asked))
        rows = [
            {
                "classic": self.name,
                "epoch": self._n_checks,
                "of_epochs": epochs,
                "step": check.step,
                "digit": digit,
                "agreement": float((seen[asked == digit] == digit).mean()),
                "share": float((seen == digit).mean()),
                "judge_accuracy": self._accuracy,
                "seconds": seconds,
            }
            for digit in range(N_CLASSES)
        ]
        self._results.append(rows)
        agreement = np.mean([row["agreement"] for row in rows])
        print(f"{self.name}, epoch {self._n_checks}: {agreement:.1%}, {seconds:.0f} s", flush=True)
        return seconds > self._max_seconds


@torch.no_grad()
def drawn(generator: Any, classes: Labels) -> Images:
    """Return images of a generator without anchors, as bytes."""
    noise = generator.noise(len(classes), torch.Generator().manual_seed(0))
    was_training = generator.training
    images = generator.eval()(noise[:, :0], noise, torch.from_numpy(classes))
    generator.train(was_training)
    side = round(images.shape[1] ** 0.5)
    pixels = (images.reshape(-1, side, side).clamp(-1, 1) + 1) * (255 / 2)
    return np.asarray(pixels.round().to(torch.uint8))


def is_done(path: Path, name: str, max_seconds: float) -> bool:
    """Tell whether a classic has been trained to the end, or for so long."""
    if not path.exists():
        return False
    table = pd.read_csv(path)
    rows = table[table["classic"] == name]
    at_end = (rows["epoch"] == rows["of_epochs"]) | (rows["seconds"] > max_seconds)
    return bool(at_end.any())


def report(path: Path) -> str:
    """Return agreement by classic and digit as Markdown."""
    table = pd.read_csv(path)
    accuracy = table["judge_accuracy"].iloc[0]
    note = (
        f"The judge is right about {accuracy:.1%} of real test digits. Goal: 80%. Seconds are of "
        "the processor, on one thread."
    )
    last = table[table["epoch"] == table.groupby("classic")["epoch"].transform("max")]
    header = ["classic", "epochs", "steps", "agreement", *map(str, range(N_CLASSES)), "s"]
    found = {name: part.sort_values("digit") for name, part in last.groupby("classic")}
    agreed, shares = [], []
    for name, part in found.items():
        epochs = f"{part['epoch'].iloc[0]} of {part['of_epochs'].iloc[0]}"
        by_digit = [f"{value:.0%}" for value in part["agreement"]]
        mean, seconds = f"{part['agreement'].mean():.1%}", f"{part['seconds'].iloc[0]:.0f}"
        agreed.append([name, epochs, part["step"].iloc[0], mean, *by_digit, seconds])
        shares.append([name, *(f"{value:.1%}" for value in part["share"])])
    course = table.pivot_table(index="classic", columns="epoch", values="agreement")
    course_rows = [
        [name, *("" if np.isnan(value) else f"{value:.1%}" for value in row)]
        for name, row in zip(course.index, course.to_numpy(), strict=True)
    ]
    return "\n".join(
        [
            *("# The five classics", "", f"`python -m benchmarks.classics`, {path.name}.", ""),
            section("Agreement, and that of each digit", header, agreed, note),
            section("Share of each digit", ["classic", *header[4:-1]], shares, "A tenth is right."),
            section("Agreement by epoch", ["classic", *map(str, course.columns)], course_rows),
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = new_parser("classics", OVERVIEW)
    parser.add_argument("--data", type=Path, required=True, help="with images/mnist_small.npz")
    parser.add_argument("--classics", type=names, default=list(CLASSICS), help="separated by ;")
    parser.add_argument(
        "--max-seconds",
        type=float,
        default=float("inf"),
        help="of the processor: training of a classic ends with the first figure after them",
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "classics.csv")
    args = parser.parse_args(argv)
    X, y, X_test, y_test = read_digits(args.data)
    judge = SmallCNN(X, y, 0, JUDGE_STEPS)
    accuracy = float((judge.predict(X_test) == y_test).mean())
    print(f"the judge is right about {accuracy:.1%} of real test digits", flush=True)
    results = Results(args.out, {}, COLUMNS, KEY_COLUMNS)
    for name in args.classics:
        classic = CLASSICS[name]
        if is_done(args.out, name, args.max_seconds):
            continue
        results.forget([name], "classic")
        referee = Referee(name, judge, accuracy, results, args.max_seconds)
        classic.sampler(len(X) // N_CLASSES, callback=referee).fit(X, y)
    args.out.with_suffix(".md").write_text(report(args.out))
    print(report(args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
