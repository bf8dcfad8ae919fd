import pandas as pd
import pytest

from benchmarks.image_anomalies import COLUMNS, main
from tests.benchmarks.conftest import write_images


@pytest.mark.parametrize("name", ["kNN (5)", "OneClassSVM", "IsolationForest"])
def test_an_image_unlike_all_others_is_anomalous(name, tmp_path):
    folder, out = write_images(tmp_path, side=8), tmp_path / "out.csv"
    for digits in ("9", "09"):
        main(["--data", str(folder), "--digits", digits, "--detectors", name, "--out", str(out)])
    table = pd.read_csv(out)
    assert tuple(table.columns) == COLUMNS
    assert table["digit"].tolist() == [9, 0]
    assert table["auroc"].min() > 0.8
