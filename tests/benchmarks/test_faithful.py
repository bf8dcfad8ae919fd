"""Whether rows belong to their class: of rows that do, and of rows that don't."""

import pandas as pd

from benchmarks import faithful


def test_shares_are_of_rows_of_the_small_classes(folder, tmp_path, capsys):
    out = tmp_path / "faithful.csv"
    options = ["--data", str(folder), "--datasets", "numbers", "--samplers", "smote,ros"]
    assert faithful.main([*options, "--out", str(out)]) == 0
    rows = pd.read_csv(out)
    assert len(rows) == rows.groupby(["half", "sampler", "classifier", "class"]).ngroups
    assert rows[["real", "added"]].stack().between(0, 1).all()
    assert 0 not in set(rows["class"])  # the largest class gets no rows
    repeated = rows[rows["sampler"] == "ros"]
    assert (repeated["added"] - repeated["real"]).abs().max() < 0.3
    assert out.with_suffix(".md").read_text() in capsys.readouterr().out


def results_of(added):
    return pd.DataFrame(
        {
            "dataset": [f"set {k}" for k in range(len(added))] * 2,
            "half": 0,
            "sampler": "ganaug_sample",
            "classifier": [name for name in faithful.CLASSIFIERS for _ in added],
            "class": 1,
            "n_added": 10,
            "real": 0.8,
            "added": added * 2,
        }
    )


def test_a_table_whose_rows_are_not_found_misses_the_goal():
    assert "| 2 of 2 | yes |" in faithful.render(results_of([0.79, 0.9]))
    assert "| 1 of 2, set 1 -0.100 | **no** |" in faithful.render(results_of([0.79, 0.7]))
