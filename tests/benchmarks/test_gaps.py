"""Tables with values taken out."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.data import dataset_names, load_dataset
from benchmarks.gaps import main


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_numbers_are_taken_out_and_nothing_else(tmp_path, share):
    assert main([str(tmp_path), "--share", str(share), "--max-rows", "1000"]) == 0
    (name,) = dataset_names(tmp_path)
    table, whole = load_dataset(tmp_path, name), load_dataset(None, name, 1000)
    np.testing.assert_array_equal(table.y, whole.y)
    assert table.categorical == whole.categorical
    for column in table.X:
        missing = table.X[column].isna()
        pd.testing.assert_series_equal(
            table.X[column][~missing], whole.X[column][~missing], check_dtype=False
        )
        if column not in table.categorical:
            assert missing.mean() == pytest.approx(share, abs=0.06)
