"""Files and models that commands read."""

import pytest

from tests.cli.running import ganaug


@pytest.fixture
def mixed_files(tmp_path, mixed_table):
    """Return the mixed table as a file of each format."""
    X, y = mixed_table
    table = X.assign(y=y)
    table.to_csv(tmp_path / "in.csv", index=False)
    table.to_csv(tmp_path / "in.csv.gz", index=False)
    table.to_parquet(tmp_path / "in.parquet", index=False)
    return {suffix: tmp_path / f"in{suffix}" for suffix in (".csv", ".csv.gz", ".parquet")}


@pytest.fixture
def model(mixed_files, tmp_path):
    path = tmp_path / "model.ganaug"
    assert ganaug("fit", mixed_files[".csv"], "--target", "y", "-o", path, "--seed", 0) == 0
    return path
