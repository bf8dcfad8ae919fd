"""Columns of a later table, read as those of `fit` were: by the same clocks."""

from __future__ import annotations

from datetime import tzinfo

import numpy as np

from ganaug._encoding.columns import Column
from ganaug._encoding.containers import wrap_rows
from ganaug._encoding.encoder import Encoder
from ganaug._encoding.rows import RowBuilder, Rows
from ganaug.exceptions import DataError


def read_fitted_columns(rows: Rows, encoder: Encoder, builder: RowBuilder) -> list[Column]:
    """Read all columns, as categories where `fit` did, times by the clock that they had there.

    Parameters
    ----------
    rows : Rows
    encoder : Encoder
        Fitted.
    builder : RowBuilder
        Builds rows as they were in `fit`.
    """
    columns = [
        rows.column(j, as_category=fitted.is_categorical)
        for j, fitted in enumerate(encoder.empty_columns())
    ]
    for position, zone in zones_of_dates(encoder, builder).items():
        columns[position] = _on_fitted_clock(rows, position, columns[position], zone)
    return columns


def _on_fitted_clock(rows: Rows, position: int, column: Column, zone: tzinfo | None) -> Column:
    if column.unit is None or column.missing.all():
        return column
    found = rows.zone_of(position, column)
    if zone is None and found is not None:
        raise DataError(
            f"column {column.name!r} had no time zone in fit, but has {found} now; convert it to "
            "the zone that was meant and remove that, for example by "
            ".dt.tz_convert(zone).dt.tz_localize(None) in pandas."
        )
    if zone is not None and found is None:
        raise DataError(
            f"column {column.name!r} had the time zone {zone} in fit, but has none now; add the "
            f"one that its times are in, for example by .dt.tz_localize({str(zone)!r}) in pandas "
            f"or .dt.replace_time_zone({str(zone)!r}) in polars."
        )
    # of two names of one zone nothing need be known: the times are the same by either
    return column if str(found) == str(zone) else rows.column(position, zone=zone)


def zones_of_dates(encoder: Encoder, builder: RowBuilder) -> dict[int, tzinfo | None]:
    """Return the time zone that each column of dates or durations had in `fit`, by position.

    Rows remember it: one is built. Columns of which all values were missing are left out.
    """
    if all(column.unit is None for column in encoder.empty_columns()):
        return {}
    columns = encoder.inverse_transform(np.zeros((1, encoder.layout_.width), dtype=np.float32))
    rows = wrap_rows(builder.build(columns))
    return {
        position: rows.zone_of(position, column)
        for position, column in enumerate(columns)
        if column.unit is not None and not column.missing.all()
    }
