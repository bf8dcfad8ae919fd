"""ImageEncoder: columns of pixels to encoded images and back; which columns make which pixel."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug._encoding.codecs import LARGEST
from ganaug._encoding.columns import Column
from ganaug._encoding.conditions import NO_CONDITIONS, TableConditions
from ganaug._encoding.layout import EncodedTable, ImageLayout
from ganaug._encoding.rows import Rows
from ganaug.exceptions import DataError

MIN_SIDE = 8
MAX_SIDE = 256
MAX_CHANNELS = 4


@dataclass(frozen=True)
class ImageForm:
    """How a row of columns is an image.

    Parameters
    ----------
    channels, height, width : int
    channels_last : bool
        Whether the channels of a pixel are neighbours; else each channel is an image of its own.
    """

    channels: int
    height: int
    width: int
    channels_last: bool = False

    @property
    def native_shape(self) -> tuple[int, int, int]:
        """The shape of one image as the columns have it."""
        if self.channels_last:
            return self.height, self.width, self.channels
        return self.channels, self.height, self.width

    def check(self, rows: Rows) -> None:
        """Refuse an array of images of another form; flat rows say nothing of theirs.

        Raises
        ------
        DataError
        """
        shapes: list[tuple[int, ...]] = [self.native_shape]
        if self.channels == 1:
            size = (self.height, self.width)
            shapes = [size, (1, *size), (*size, 1)]
        if rows.row_shape and rows.row_shape not in shapes:
            raise DataError(
                f"X has images of shape {rows.row_shape}, but fit had images of {shapes[0]}; "
                "resize them, or move their channels."
            )


def find_form(image_shape: Any, channels: str, rows: Rows) -> ImageForm | None:
    """Return how rows are images, None if they are rows of a table.

    Parameters
    ----------
    image_shape : tuple of int or None
        Height and width, with the channels before or after them; by default that of an array with
        more than two dimensions.
    channels : {"auto", "first", "last"}
    rows : Rows

    Raises
    ------
    DataError
        If the shape is none of an image, or not that of the rows.
    """
    shape = rows.row_shape if image_shape is None else _checked_shape(image_shape)
    if not shape:
        return None
    if rows.row_shape and shape != rows.row_shape:
        raise DataError(
            f"image_shape={shape}, but X has images of shape {rows.row_shape}; leave image_shape "
            "out, or pass the shape of one image."
        )
    n_pixels, n_columns = math.prod(shape), len(rows.names)
    if n_pixels != n_columns:
        raise DataError(
            f"image_shape={shape} has {n_pixels} pixels ({' x '.join(map(str, shape))}), but X has "
            f"{n_columns} columns; expected one column for each."
        )
    return _checked_form(_form_of(shape, channels), shape)


def _checked_shape(image_shape: Any) -> tuple[int, ...]:
    sizes = tuple(image_shape) if isinstance(image_shape, tuple | list) else ()
    whole = all(isinstance(n, int | np.integer) and n > 0 for n in sizes)
    if len(sizes) not in (2, 3) or not whole:
        raise DataError(
            "image_shape must be (height, width), (channels, height, width) or (height, width, "
            f"channels), in whole numbers from 1 on, got {image_shape!r}."
        )
    return tuple(int(n) for n in sizes)


def _form_of(shape: tuple[int, ...], channels: str) -> ImageForm:
    if len(shape) == 2:
        return ImageForm(1, shape[0], shape[1])
    if channels == "auto":
        could_be = [order for order, n in (("first", shape[0]), ("last", shape[2])) if n <= 4]
        if len(could_be) != 1:
            raise DataError(
                f"images of shape {shape} have their channels first or last, which can't be told; "
                "pass channels='first' or channels='last'."
            )
        (channels,) = could_be
    if channels == "last":
        return ImageForm(shape[2], shape[0], shape[1], channels_last=True)
    return ImageForm(shape[0], shape[1], shape[2])


def _checked_form(form: ImageForm, shape: tuple[int, ...]) -> ImageForm:
    if form.channels > MAX_CHANNELS:
        raise DataError(
            f"images of shape {shape} have {form.channels} channels with channels="
            f"{'last' if form.channels_last else 'first'!r}; expected 1 to {MAX_CHANNELS}. Is it "
            f"channels={'first' if form.channels_last else 'last'!r}?"
        )
    if min(form.height, form.width) < MIN_SIDE or max(form.height, form.width) > MAX_SIDE:
        raise DataError(
            f"images of {form.height} x {form.width} pixels are too small or too large; expected "
            f"{MIN_SIDE} to {MAX_SIDE} pixels on each side. Resize them."
        )
    return form


class ImageEncoder:
    """Turns columns of pixels into encoded images and back.

    Pixels are scaled so that the smallest and the largest value of all images become -1 and 1;
    on the way back they lie in that range, and are whole where all were.

    Parameters
    ----------
    form : ImageForm

    Attributes
    ----------
    names_ : list
        The names of the columns.
    layout_ : ImageLayout
    low_, high_ : float
        The smallest and the largest value.
    is_whole_ : bool
        Whether all values are whole numbers.
    is_integer_ : ndarray of shape (n_columns,), dtype bool
        Which columns are of an integer type.
    """

    names_: list[Hashable]
    layout_: ImageLayout
    low_: float
    high_: float
    is_whole_: bool
    is_integer_: NDArray[np.bool_]

    def __init__(self, form: ImageForm) -> None:
        self.form = form
        self.layout_ = ImageLayout.of((form.channels, form.height, form.width))

    def fit(self, columns: Sequence[Column], classes: NDArray[np.int64]) -> ImageEncoder:
        """Learn the range of the pixels.

        Raises
        ------
        DataError
            If a pixel is missing or no number, or all are equal.
        """
        pixels = _read_pixels(columns)
        self.low_, self.high_ = float(pixels.min()), float(pixels.max())
        if self.low_ == self.high_:
            raise DataError(
                f"all pixels of all images are {self.low_:g}; expected at least two values."
            )
        self.names_ = [column.name for column in columns]
        self.is_whole_ = bool((pixels == np.rint(pixels)).all())
        self.is_integer_ = np.array([column.values.dtype.kind in "iu" for column in columns])
        return self

    def check_form(self, rows: Rows) -> None:
        """Refuse images of another form."""
        self.form.check(rows)

    def empty_columns(self) -> list[Column]:
        """Return columns as those of `fit`, without rows: numbers by name."""
        return self.inverse_transform(np.zeros((0, len(self.names_)), dtype=np.float32))

    def widest_numbers(self) -> list[tuple[Hashable, Any, Any, float]]:
        """Return columns that may have made a training diverge: no pixel is far from others."""
        return []

    def transform(self, columns: Sequence[Column]) -> EncodedTable:
        """Encode columns of pixels; values beyond the range of `fit` stay beyond it."""
        low, high, exponent = self._scaled_range()
        with np.errstate(over="ignore"):  # far beyond
            pixels = np.ldexp(_read_pixels(columns), -exponent)
            pixels -= low
            pixels *= 2 / (high - low)
            pixels -= 1
        if self.form.channels_last:
            images = pixels.reshape(-1, *self.form.native_shape)
            pixels = np.moveaxis(images, 3, 1).reshape(len(images), -1)
        numbers = np.ascontiguousarray(pixels.clip(-LARGEST, LARGEST), dtype=np.float32)
        return EncodedTable(numbers, np.empty((len(numbers), 0), dtype=np.int32))

    def unseen(self, columns: Sequence[Column]) -> NDArray[np.bool_]:
        """Return that no value is of a new kind: every pixel is a number, and none is missing."""
        return np.zeros((len(columns[0]), len(columns)), dtype=bool)

    def conditions(self, where: Mapping[Any, Any], zone_of: Any) -> TableConditions:
        """Refuse conditions.

        Raises
        ------
        DataError
        """
        raise DataError(
            "where conditions columns of a table; images are conditioned on their class only. "
            "Leave where out."
        )

    def inverse_transform(
        self,
        rows: NDArray[np.float32],
        class_code: int | None = None,
        conditions: TableConditions = NO_CONDITIONS,
    ) -> list[Column]:
        """Decode images of shape (n_rows, layout_.width) to columns of valid pixels."""
        pixels = rows.astype(np.float64)
        if self.form.channels_last:
            images = pixels.reshape(-1, *self.layout_.shape)
            pixels = np.moveaxis(images, 1, 3).reshape(rows.shape)
        low, high, exponent = self._scaled_range()
        pixels = low + (pixels + 1) / 2 * (high - low)
        pixels = np.ldexp(pixels.clip(low, high), exponent)
        if self.is_whole_:
            pixels = np.rint(pixels)
        present = np.zeros(len(pixels), dtype=bool)
        return [
            Column(name, self._integers(values) if is_integer else values, present)
            for name, values, is_integer in zip(
                self.names_, np.ascontiguousarray(pixels.T), self.is_integer_, strict=True
            )
        ]

    def _scaled_range(self) -> tuple[float, float, int]:
        """Return the range, and the power of 2 that it is divided by to lie within -1 and 1.

        Which changes no bit, and differences and quotients of extreme values are finite.
        """
        exponent = math.frexp(max(-self.low_, self.high_))[1]
        return math.ldexp(self.low_, -exponent), math.ldexp(self.high_, -exponent), exponent

    def _integers(self, values: NDArray[np.float64]) -> NDArray[Any]:
        """Return whole values as integers; the float nearest to the largest one lies beyond it."""
        limit, dtype = (2.0**63, np.int64) if self.high_ <= 2.0**63 else (2.0**64, np.uint64)
        return np.minimum(values, np.nextafter(limit, 0)).astype(dtype)


def _read_pixels(columns: Sequence[Column]) -> NDArray[np.float64]:
    """Return the values of all columns, (n_rows, n_columns)."""
    for column in columns:
        if column.is_categorical or column.unit is not None:
            raise DataError(
                f"column {column.name!r} holds no numbers; an image needs one for each pixel, from "
                'black to white, such as uint8 or float. Convert X, booleans by X.astype("uint8").'
            )
        if column.missing.any():
            row = int(np.flatnonzero(column.missing)[0])
            raise DataError(
                f"column {column.name!r} misses {int(column.missing.sum())} values, the first in "
                f"row {row}; every pixel of an image needs one. Fill them, or drop these images."
            )
    return np.column_stack([column.values for column in columns]).astype(np.float64)
