"""What must be true of a model, besides the types of its parts, before it is built.

A file with right checksums may have been made by anyone: no number in it is used as a position, a
size or a scale that was not looked at here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganaug._detection.discriminators import N_HALVES, N_SCALES, Ensemble
from ganaug._detection.model import Calibration, DetectionModel
from ganaug._detection.reference import ReferenceRows, Relation
from ganaug._encoding.codecs import NumberCodec
from ganaug._encoding.columns import Column, is_hashable
from ganaug._encoding.layout import TableLayout
from ganaug._gan.geometry import ClassGeometry
from ganaug._gan.network_gan import NetworkGANState
from ganaug._gan.table_gan import TableGANState
from ganaug._persistence.requirements import (
    LARGEST_COORDINATE,
    LARGEST_SINGLE,
    require,
    require_finite,
)
from ganaug._scoring import ScoreScale
from ganaug._validation import MAX_LAYER_SIZE

# How far products of axes may be from those of axes at right angles, in single precision.
BASIS_ERROR = 1e-3


# --- the GAN --------------------------------------------------------------------------------------


def check_gan(state: TableGANState, n_classes: int, max_bytes: int) -> None:
    """Check the rows and the sizes of the networks before anything of their size is made."""
    _check_rows(state, state.layout, n_classes)
    require(0 <= state.seed < 2**63, "the seed is no seed")
    require(0 <= state.sampling.anchored_share <= 1, "the share of anchors is none")
    _check_sizes(state, n_classes, max_bytes)
    _check_weights(state.generator, state.discriminator)
    for slot in state.layout.numbers:
        require_finite("numbers are", slot.low, slot.high, slot.step, largest=LARGEST_SINGLE)
    for head in state.layout.heads:
        require_finite("states are", head.constants, largest=LARGEST_SINGLE)
    if state.geometry is not None:
        _check_geometry(state.geometry, n_classes, state.layout.continuous_width)


def _check_geometry(geometry: ClassGeometry, n_classes: int, n_numbers: int) -> None:
    basis = geometry.basis
    rank = n_numbers if basis is None else basis.shape[-1]
    arrays = {
        "mean": (geometry.mean, (n_classes, n_numbers)),
        "between_neighbours": (geometry.between_neighbours, (n_classes, rank, rank)),
        "in_class": (geometry.in_class, (n_classes, rank, rank)),
    }
    if basis is not None:
        arrays["basis"] = (basis, (n_numbers, rank))
    for name, (array, shape) in arrays.items():
        require(array.shape == shape, f"the geometry of classes has another shape ({name})")
        require_finite(f"the geometry of classes ({name}) is", array)
    if basis is not None:
        error = np.abs(basis.T @ basis - np.eye(rank)).max()
        require(error < BASIS_ERROR, "the geometry of classes has axes not at right angles")


def check_network_gan(state: NetworkGANState, layout: TableLayout, n_classes: int) -> None:
    """Check rows and weights against a layout."""
    _check_rows(state, layout, n_classes)
    require(0 <= state.seed < 2**63, "the seed is no seed")
    require(0 < state.networks.latent_dim <= MAX_LAYER_SIZE, "the noise has no size")
    _check_weights(state.generator, state.discriminator)


def _check_weights(*networks: dict[str, NDArray[Any]]) -> None:
    for weights in networks:
        require_finite("weights are", *weights.values(), largest=LARGEST_SINGLE)


def _check_rows(
    state: TableGANState | NetworkGANState, layout: TableLayout, n_classes: int
) -> None:
    rows, counts = state.rows, state.class_counts
    require(counts.shape == (n_classes,) and bool((counts > 0).all()), "a class has no rows")
    n_rows = len(rows.numbers) if rows.numbers.ndim == 2 else -1
    require(int(counts.sum()) == n_rows, "classes and rows differ in number")
    require(rows.numbers.shape == (n_rows, len(layout.numbers)), "rows have other numbers")
    require_finite("rows are", rows.numbers, largest=LARGEST_SINGLE)
    sizes = [*(len(slot.vectors) for slot in layout.vectors), *(slot.size for slot in layout.heads)]
    require(rows.codes.shape == (n_rows, len(sizes)), "rows have other categories")
    in_range = (rows.codes >= -1) & (rows.codes < np.array(sizes, dtype=np.int64))
    require(bool(in_range.all()), "rows have unknown levels")
    if state.weights is not None:
        require(state.weights.shape == (n_rows,), "rows and weights differ")
        require_finite("weights of rows are", state.weights)
        require(bool((state.weights >= 0).all()), "a row has a negative weight")


def _check_sizes(state: TableGANState, n_classes: int, max_bytes: int) -> None:
    """Refuse networks larger than their weights, and what a layout would expand to."""
    layout, networks = state.layout, state.networks
    hidden = networks.hidden_layer_sizes
    require(bool(hidden) and all(0 < n <= MAX_LAYER_SIZE for n in hidden), "a layer has no size")
    require(0 < networks.latent_dim <= MAX_LAYER_SIZE, "the noise has no size")
    inner = sum(a * b for a, b in pairwise(hidden)) + n_classes * hidden[0]
    generator = (layout.width + 1 + networks.latent_dim) * hidden[0] + hidden[-1] * layout.width
    discriminator = (2 * layout.width + 1) * hidden[0]
    for weights, n_expected in (
        (state.generator, generator + inner),
        (state.discriminator, discriminator + inner - n_classes * hidden[0]),
    ):
        n_found = sum(array.size for array in weights.values())
        require(n_expected <= n_found, "the networks are larger than their weights")
    n_heads, longest = len(layout.heads), max((slot.size for slot in layout.heads), default=0)
    by_level = layout.one_hot_width * (layout.continuous_width + n_heads)
    derived = 8 * (by_level + n_heads * longest)  # bytes of two buffers of single floats
    require(derived <= max_bytes, f"it would expand to {derived:,} bytes, max_bytes={max_bytes:,}")


# --- the detector ---------------------------------------------------------------------------------


def check_detection(model: DetectionModel, layout: TableLayout, n_columns: int) -> None:
    """Check the shapes of reference rows and discriminators, and that positions are there."""
    _check_reference(model.reference, layout.width)
    n_reference = model.reference.n_rows
    seen, prints = model.seen, model.seen.fingerprints
    require(prints.ndim == 1 and len(prints) >= n_reference, "rows have no fingerprints")
    for numbers in (seen.reference, seen.position):
        require(numbers.shape == (n_reference,), "a reference row has no fingerprint")
    require(_in_range(seen.position, n_reference), "a fingerprint has no row")
    require(model.typical.shape == (len(Relation),), "relations have no median")
    opinion = (
        [] if model.opinion is None else [model.opinion.ensemble.low, model.opinion.ensemble.high]
    )
    for values in (model.typical, model.reference.squares, *opinion):
        require(values.dtype == torch.float32, "a number is no single float")
    require_finite("what is typical is", model.typical)
    require(model.is_typical.shape == (n_reference,), "a reference row is forgotten")
    require(
        model.is_typical.dtype == torch.bool and bool(model.is_typical.any()), "none is typical"
    )
    if model.tail_scale is not None:
        require_finite("tails are", model.tail_scale.centre, model.tail_scale.factor)
    if model.opinion is not None:
        _check_ensemble(model.opinion.ensemble, layout.width + len(Relation) - 1)


def _check_reference(reference: ReferenceRows, width: int) -> None:
    rows, n = reference.rows, reference.n_rows
    require(rows.ndim == 2 and rows.dtype == torch.float32, "there are no reference rows")
    n_places, padded = rows.shape
    require(reference.width == width <= padded, "reference rows have another width")
    require(2 <= n <= n_places and reference.block_rows > 0, "reference rows are too few")
    require(n_places % reference.block_rows == 0, "reference rows fill no blocks")
    require_finite("reference rows are", rows, largest=LARGEST_COORDINATE)
    lengths = rows.square().sum(dim=1)
    lengths[n:] = torch.inf
    require(torch.equal(reference.squares, lengths), "a reference row has another length")
    more = reference.more_blocks
    is_blocks = more.ndim == 2 and more.shape[1] == reference.block_rows
    require(is_blocks and more.dtype == torch.long, "blocks have no rows")
    require(_in_range(more.numpy(), n), "a block has rows that are not there")


def _check_ensemble(ensemble: Ensemble, n_features: int) -> None:
    n_members, n_in = N_HALVES * N_SCALES, n_features
    require(0 < len(ensemble.weights) == len(ensemble.biases), "layers have no biases")
    for weight, bias in zip(ensemble.weights, ensemble.biases, strict=True):
        require(weight.shape[:2] == (n_members, n_in) and weight.ndim == 3, "a layer does not fit")
        n_in = weight.shape[2]
        require(bias.shape == (n_members, 1, n_in), "a bias does not fit")
        require(weight.dtype == bias.dtype == torch.float32, "weights are not single floats")
        require_finite("weights are", weight, bias, largest=LARGEST_SINGLE)
    require(n_in == 1, "the last layer has no single output")
    for bound in (ensemble.low, ensemble.high):
        require(bound.shape == (n_features,), "features have no range")
        require_finite("the range of features is", bound)


def check_scores(scale: ScoreScale, n_scores: int) -> None:
    """Check the scale of scores, of which there is one for each class or mode."""
    for values in (scale.origin, scale.unit):
        require(values.shape == (n_scores,), "a class or a mode has no score")
        require_finite("the scale of scores is", values)
    require(bool((scale.unit > 0).all()), "scores have no unit")


def check_calibration(calibration: Calibration) -> None:
    """Check the scores of training rows."""
    for scores in calibration.by_mode:
        require(scores.ndim == 1 and len(scores) > 0, "nothing is calibrated")
        require_finite("scores of training rows are", scores)


def check_columns(columns: Iterable[Column], codecs: Sequence[Any]) -> None:
    """Check columns that are kept as they are."""
    kept = tuple(columns)
    require(len(kept) == len(codecs), "columns and codecs differ in number")
    for column, codec in zip(kept, codecs, strict=True):
        require(column.values.shape == column.missing.shape == (len(kept[0]),), "rows differ")
        levels = None if column.levels is None else len(column.levels)
        require((levels is None) == isinstance(codec, NumberCodec), "a column is of two kinds")
        if levels is not None:
            require(column.values.dtype.kind == "i", "levels have no codes")
            require(_in_range(column.values[~column.missing], levels), "a level is unknown")


def _in_range(numbers: NDArray[Any], n: int) -> bool:
    return bool(((numbers >= 0) & (numbers < n)).all())


# --- the rest -------------------------------------------------------------------------------------


def check_levels(lengths: Iterable[int], n_levels: Sequence[int]) -> None:
    """Check that each column has a value for every level that may be decoded."""
    found = list(lengths)
    require(len(found) == len(n_levels), "columns differ in number")
    for n_values, n in zip(found, n_levels, strict=True):
        require(n_values >= n, "a level has no value")


def check_history(history: dict[str, NDArray[Any]]) -> None:
    """Check that what plots of a training need is there."""
    needed = {"discriminator_loss", "generator_loss", "check_step", "quality", "best_step"}
    require(needed <= history.keys(), "the history is incomplete")


def check_classes(classes: NDArray[Any]) -> None:
    """Check that there are classes, and that each can be told from all others."""
    require(classes.ndim == 1 and len(classes) >= 2, "there are no classes")
    labels = classes.tolist()
    is_told = all(map(is_hashable, labels)) and len(set(labels)) == len(labels)
    require(is_told and all(label == label for label in labels), "classes can't be told apart")
