import pandas as pd
import pytest

from benchmarks import image_anomalies
from benchmarks.image_anomalies import COLUMNS, GANSampler, main
from tests.benchmarks.conftest import write_images

pytestmark = pytest.mark.filterwarnings("ignore:the generator collapsed")


@pytest.mark.parametrize(
    ("group", "detectors"),
    [
        ("kNN", ["kNN (5)"]),
        ("scikit-learn", ["IsolationForest", "OneClassSVM"]),
        ("ganaug", ["ganaug", "ganaug's density logit"]),
    ],
)
def test_digits_are_left_out_in_turn(group, detectors, tmp_path, monkeypatch):
    def quick(random_state):
        return GANSampler(n_steps=30, batch_size=16, random_state=random_state)

    monkeypatch.setattr(image_anomalies, "GANSampler", quick)
    folder, out = write_images(tmp_path, side=8), tmp_path / "out.csv"
    for digits in ("9", "09"):
        main(["--data", str(folder), "--digits", digits, "--detectors", group, "--out", str(out)])
    table = pd.read_csv(out)
    assert tuple(table.columns) == COLUMNS
    assert table["digit"].tolist() == [9] * len(detectors) + [0] * len(detectors)
    assert table["detector"].tolist() == detectors * 2
    if group != "ganaug":
        assert table["auroc"].min() > 0.8
    assert f"| {detectors[0]} |" in out.with_suffix(".md").read_text()
