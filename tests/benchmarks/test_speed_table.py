"""The table of the benchmark of speed, for the benchmark of samplers."""

import numpy as np

from benchmarks.data import dataset_names, load_dataset
from benchmarks.speed_table import main


def test_the_folder_is_what_the_benchmark_reads(tmp_path):
    assert main([str(tmp_path), "--rows", "2100"]) == 0
    (name,) = dataset_names(tmp_path)
    table = load_dataset(tmp_path, name)
    assert (table.X.shape, len(table.categorical)) == ((2100, 30), 5)
    assert np.bincount(table.y).tolist() == [2000, 100]
    assert table.X["number 3"].isna().any()
