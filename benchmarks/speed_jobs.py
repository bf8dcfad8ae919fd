"""What `benchmarks.speed` measures, one job for each process.

A job makes its table, gets ready (imports, a fit of a toy table) and then runs the one thing that
is measured; it returns figures as a dict.
"""

from __future__ import annotations

import importlib
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.usage import measured

N_COLUMNS = 30
N_CATEGORICAL = 5
LEVELS = (3, 6, 12, 24, 60)
CTGAN_EPOCHS = (2, 8)
CTGAN_DEFAULT_EPOCHS = 300
MEGABYTE = 2**20
DECODED_ROWS = 8192
PART_ROWS = 500_000

Figures = dict[str, float]


def make_table(
    n_rows: int,
    n_minority: int,
    n_columns: int = N_COLUMNS,
    n_categorical: int = N_CATEGORICAL,
    seed: int = 0,
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return a mixed table: floats, skewed cents, integers, gaps, categories of 3 to 60 levels.

    The classes overlap: their means differ by about one standard deviation in a few directions.
    """
    random = np.random.default_rng(seed)
    y = np.zeros(n_rows, dtype=np.int64)
    y[random.choice(n_rows, n_minority, replace=False)] = 1
    n_numbers = n_columns - n_categorical
    shift = 0.3 * random.normal(size=n_columns)
    common = random.normal(size=n_rows)
    columns: dict[str, Any] = {}
    for j in range(n_numbers):
        values = 0.8 * random.normal(size=n_rows) + 0.6 * common + shift[j] * y
        match j % 5:
            case 1:
                values = np.round(np.exp(values), 2)
            case 2:
                values = np.round(20 * values).astype(np.int64)
            case 3:
                values = np.where(random.random(n_rows) < 0.05, np.nan, values)
        columns[f"number {j}"] = values
    for j in range(n_categorical):
        n_levels = LEVELS[j % len(LEVELS)]
        place = 0.5 + 0.2 * (common + shift[n_numbers + j] * y + random.normal(size=n_rows))
        codes = (n_levels * np.clip(place, 0, 0.999)).astype(np.int64)
        levels = pd.Index([f"level {k}" for k in range(n_levels)])
        columns[f"category {j}"] = pd.Categorical.from_codes(codes.tolist(), categories=levels)
    return pd.DataFrame(columns), y


def as_codes(X: pd.DataFrame) -> NDArray[np.float64]:
    """Return numbers with gaps filled and categories as codes: what SMOTE can take."""
    columns = [
        X[name].cat.codes if isinstance(X[name].dtype, pd.CategoricalDtype) else X[name].fillna(0)
        for name in X
    ]
    return np.column_stack(columns).astype(np.float64)


# --- jobs ---------------------------------------------------------------------------------------


def ganaug_resample(n_rows: int, n_minority: int, **shape: int) -> Figures:
    """`GANSampler.fit_resample`."""
    sampler = _ready_sampler()
    X, y = make_table(n_rows, n_minority, **shape)
    with _timed() as figures:
        sampler.fit_resample(X, y)
    return figures | {"input_mb": X.memory_usage(deep=True).sum() / MEGABYTE}


def ganaug_fit(n_rows: int, n_minority: int, hidden_units: int = 0, **shape: int) -> Figures:
    """`GANSampler.fit`, by default with its own two hidden layers."""
    sampler = _ready_sampler()
    if hidden_units:
        sampler.set_params(hidden_layer_sizes=(hidden_units, hidden_units))
    X, y = make_table(n_rows, n_minority, **shape)
    with _timed() as figures:
        sampler.fit(X, y)
    return figures | {"input_mb": X.memory_usage(deep=True).sum() / MEGABYTE}


def ganaug_sample(n_rows: int, n_minority: int, n_samples: int = 200_000) -> Figures:
    """Sampling and decoding, beyond the first 8,000 rows."""
    sampler = _ready_sampler()
    sampler.fit(*make_table(n_rows, n_minority))
    batches = sampler.sample_batches(n_samples + 8192, y=1, batch_rows=8192)
    next(batches)
    with _timed() as figures:
        for _ in batches:
            pass
    return figures | {"rows": n_samples}


def ganaug_encode(n_rows: int, n_minority: int) -> Figures:
    """Reading and encoding all rows."""
    from ganaug import _validation as validation
    from ganaug._encoding.fitted_columns import read_fitted_columns

    sampler = _ready_sampler()
    X, y = make_table(n_rows, n_minority)
    sampler.fit(X[:20_000], y[:20_000])
    with _timed() as figures:
        rows = validation.check_rows(X)
        columns = read_fitted_columns(rows, sampler.encoder_, sampler._row_builder)
        sampler.encoder_.transform(columns)
    return figures | {"rows": n_rows}


def ganaug_decode(n_rows: int, n_minority: int) -> Figures:
    """Decoding rows in full, as they come from a generator, some thousand at a time."""
    encoder, rows = expanded_rows(n_rows, n_minority)
    n_parts, n_bytes = n_rows // len(rows), rows.nbytes
    with _timed() as figures:
        for _ in range(n_parts):
            columns = encoder.inverse_transform(rows)
    n_bytes += sum(column.values.nbytes + column.missing.nbytes for column in columns)
    return figures | {"rows": n_parts * len(rows), "bytes": n_parts * n_bytes}


def expanded_rows(n_rows: int, n_minority: int) -> tuple[Any, NDArray[np.float32]]:
    """Return the encoder of a table, and some rows as a generator makes them."""
    import torch

    from ganaug import _validation as validation
    from ganaug._encoding.fitted_columns import read_fitted_columns
    from ganaug._gan.batches import DeviceTable

    X, y = make_table(n_rows, n_minority)
    sampler = _ready_sampler().fit(X[:20_000], y[:20_000])
    encoder = sampler.encoder_
    some = validation.check_rows(X[:DECODED_ROWS])
    encoded = encoder.transform(read_fitted_columns(some, encoder, sampler._row_builder))
    one_class = np.array([len(encoded)])
    table = DeviceTable(encoder.layout_, encoded, one_class, torch.device("cpu"))
    return encoder, table.expand(torch.arange(len(encoded))).numpy()


def copy_memory(n_rows: int, n_columns: int = N_COLUMNS, n_copies: int = 20) -> Figures:
    """Copies of numbers that don't fit into the cache: what decoding can be compared with."""
    source = np.ones((n_rows, n_columns))
    target = source.copy()
    with _timed() as figures:
        for _ in range(n_copies):
            np.copyto(target, source)
    return figures | {"bytes": 2 * n_copies * source.nbytes}


def ganaug_stream(n_rows: int) -> Figures:
    """`ganaug sample model -o out.parquet`; megabytes are all that the process holds."""
    with TemporaryDirectory() as folder:
        model, out = Path(folder, "model.ganaug"), Path(folder, "out.parquet")
        _ready_sampler().fit(*make_table(20_000, 1000)).save(model)
        command = ["sample", str(model), "-n", str(n_rows), "--class", "1", "-o", str(out)]
        return _command_line(command, out, n_rows) | {"rows": n_rows}


def detector_fit(n_rows: int, n_columns: int = N_COLUMNS) -> Figures:
    """`GANOutlierDetector.fit` on numbers."""
    detector = _ready_detector()
    X = correlated_numbers(n_rows, n_columns, seed=0)
    with _timed() as figures:
        detector.fit(X)
    return figures | {"input_mb": X.nbytes / MEGABYTE}


def detector_score(n_rows: int, n_columns: int = N_COLUMNS) -> Figures:
    """`score_samples` of new rows."""
    detector = _ready_detector()
    detector.fit(correlated_numbers(50_000, n_columns, seed=0))
    X = correlated_numbers(n_rows, n_columns, seed=1)
    with _timed() as figures:
        detector.score_samples(X)
    return figures | {"input_mb": X.nbytes / MEGABYTE, "rows": n_rows}


def correlated_numbers(n_rows: int, n_columns: int, seed: int) -> NDArray[np.float64]:
    """Return normal rows, all of the same distribution."""
    mixing = 0.3 * np.random.default_rng(0).normal(size=(n_columns, n_columns))
    random = np.random.default_rng((seed, n_rows))
    noise = random.normal(size=(n_rows, n_columns))
    return random.normal(size=(n_rows, n_columns)) @ mixing + noise


def ganaug_large(n_rows: int, n_minority: int, *, suffix: str = ".parquet") -> Figures:
    """`ganaug resample` of a file in parts; megabytes are all that the process holds."""
    n_new = n_minority // 10
    with TemporaryDirectory() as folder:
        path, out = Path(folder, f"in{suffix}"), Path(folder, f"out{suffix}")
        n_bytes = _write_large(path, n_rows, n_minority)
        command = [
            *("resample", str(path), "-o", str(out), "--seed", "0", "--target", "target"),
            *("--strategy", f"1={n_minority + n_new}", "--quiet"),
        ]
        return _command_line(command, out, n_rows + n_new) | {"input_mb": n_bytes / MEGABYTE}


def _write_large(path: Path, n_rows: int, n_minority: int) -> int:
    """Write a table part by part; return how many bytes it takes in memory, or as text."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    n_parts, n_bytes, writer = n_rows // PART_ROWS, 0, None
    kind = pyarrow.csv.CSVWriter if path.suffix == ".csv" else pq.ParquetWriter
    for k in range(n_parts):
        X, y = make_table(PART_ROWS, n_minority // n_parts, seed=k)
        if path.suffix == ".csv":
            X = X.astype(dict.fromkeys(X.columns[X.dtypes == "category"], str))
        table = pa.Table.from_pandas(X.assign(target=y), preserve_index=False)
        n_bytes += table.nbytes
        writer = writer or kind(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return path.stat().st_size if path.suffix == ".csv" else n_bytes


def _command_line(arguments: Sequence[str], out: Path, n_rows: int) -> Figures:
    """Return what a call of ganaug's command line took, which has to write so many rows."""
    import pyarrow.parquet as pq

    with _timed() as figures:
        subprocess.run([sys.executable, "-m", "ganaug", *arguments], check=True)
    if out.suffix == ".parquet":
        n_written = pq.read_metadata(out).num_rows
    else:
        with open(out, "rb") as file:
            n_written = sum(1 for _ in file) - 1
    if n_written != n_rows:
        raise RuntimeError(f"{n_written:,} rows were written, not {n_rows:,}")
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return figures | {"cpu_seconds": cpu_seconds, "megabytes": usage.ru_maxrss / 1024}


def smote_resample(n_rows: int, n_minority: int) -> Figures:
    """SMOTE on codes, which is faster than SMOTENC and makes no valid categories."""
    from imblearn.over_sampling import SMOTE

    X, y = make_table(n_rows, n_minority)
    codes = as_codes(X)
    SMOTE(random_state=0).fit_resample(codes[:100], np.arange(100) % 10 == 0)
    with _timed() as figures:
        SMOTE(random_state=0).fit_resample(codes, y)
    return figures | {"input_mb": codes.nbytes / MEGABYTE}


def ctgan_resample(n_rows: int, n_minority: int) -> Figures:
    """CTGAN, fitted for 2 and 8 epochs; start-up and epochs apart, scaled to its default of 300."""
    ctgan = importlib.import_module("ctgan")

    X, y = make_table(n_rows, n_minority)
    discrete = [name for name in X if isinstance(X[name].dtype, pd.CategoricalDtype)]
    numbers = X.drop(columns=discrete).fillna(0)  # it takes no gaps
    table = pd.concat([numbers, X[discrete]], axis=1).assign(target=y)
    ctgan.CTGAN(epochs=1, enable_gpu=False).fit(table[:500], [*discrete, "target"])
    fits = []
    for epochs in CTGAN_EPOCHS:
        model = ctgan.CTGAN(epochs=epochs, enable_gpu=False)
        with _timed() as figures:
            model.fit(table, [*discrete, "target"])
        fits.append(figures)
    n_new = n_rows - 2 * n_minority
    n_timed = min(n_new, 20_000)
    with _timed() as sampling:
        model.sample(n_timed, "target", 1)

    def scaled(clock: str) -> Figures:
        few, more = (fit[clock] for fit in fits)
        epoch = (more - few) / (CTGAN_EPOCHS[1] - CTGAN_EPOCHS[0])
        start = few - CTGAN_EPOCHS[0] * epoch
        whole = start + CTGAN_DEFAULT_EPOCHS * epoch + sampling[clock] * n_new / n_timed
        return {clock: whole, "epoch": epoch, "start": start}

    return {**scaled("seconds"), **scaled("cpu_seconds"), "megabytes": fits[-1]["megabytes"]}


def matrix_products(n_rows: int, n_columns: int, n_products: int = 100) -> Figures:
    """Products of matrices that fit into the cache: what everything else can be compared with."""
    import torch

    torch.set_num_threads(1)
    left, right = torch.ones(n_rows, n_columns), torch.ones(n_columns, n_rows)
    left @ right
    with _timed() as figures:
        for _ in range(n_products):
            left @ right
    return figures | {"operations": 2 * n_rows**2 * n_columns * n_products}


JOBS: dict[str, Callable[..., Figures]] = {
    "matrix products": matrix_products,
    "ganaug": ganaug_resample,
    "fit": ganaug_fit,
    "sample": ganaug_sample,
    "encode": ganaug_encode,
    "decode": ganaug_decode,
    "copies": copy_memory,
    "sample to Parquet": ganaug_stream,
    "detector: fit": detector_fit,
    "detector: score": detector_score,
    "resample in parts": ganaug_large,
    "resample CSV in parts": partial(ganaug_large, suffix=".csv"),
    "SMOTE": smote_resample,
    "CTGAN": ctgan_resample,
}


def _ready_sampler() -> Any:
    """Return an unfitted sampler after what a process pays once: imports and a first fit."""
    from ganaug import GANSampler

    GANSampler(n_steps=5, random_state=0, device="cpu").fit_resample(*make_table(500, 50))
    return GANSampler(random_state=0, device="cpu")


def _ready_detector() -> Any:
    from ganaug import GANOutlierDetector

    toy = correlated_numbers(600, 5, seed=2)
    GANOutlierDetector(n_steps=5, random_state=0).fit(toy).score_samples(toy)
    return GANOutlierDetector(random_state=0)


@contextmanager
def _timed() -> Iterator[Figures]:
    """Fill in seconds, processor seconds and megabytes of a block."""
    figures: Figures = {}
    with measured() as usage:
        start = time.process_time()
        yield figures
        figures["cpu_seconds"] = time.process_time() - start
    figures |= {"seconds": usage.seconds, "megabytes": usage.megabytes}
