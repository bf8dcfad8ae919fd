import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from scipy import stats

from benchmarks import ranking, report
from benchmarks.diagram import draw_ranks
from benchmarks.metrics import ALL_METRICS


def results_of(table, failed=(), **columns):
    """Make results out of (data set, fold) -> sampler -> score, the same for every metric."""
    rows = [
        {
            "dataset": dataset,
            "family": dataset[0],
            "seed": 0,
            "fold": fold,
            "sampler": sampler,
            "classifier": "knn",
            "status": "failed" if (dataset, fold, sampler) in failed else "ok",
            **dict.fromkeys(ALL_METRICS, score),
            "package": "x 1",
            "n_rows": 100,
            "n_train": 80,
            "n_minority": 50,
            "n_features": 4,
            "n_categorical": 0,
            "n_classes": 2,
            "max_rows": 0,
            "seconds": 0.1,
            "memory_mb": 1.0,
            **columns,
        }
        for (dataset, fold), scores in table.items()
        for sampler, score in scores.items()
    ]
    frame = pd.DataFrame(rows)
    frame.loc[frame["status"] == "failed", list(ALL_METRICS)] = np.nan
    return frame


@pytest.fixture
def three_samplers():
    """Samplers a, b and c on two data sets of two folds."""
    return {
        ("u", 0): {"a": 0.9, "b": 0.8, "c": 0.7},
        ("u", 1): {"a": 0.7, "b": 0.8, "c": 0.6},
        ("v", 0): {"a": 0.5, "b": 0.4, "c": 0.6},
        ("v", 1): {"a": 0.5, "b": 0.4, "c": 0.6},
    }


def test_ranks_by_hand(three_samplers):
    ranks = ranking.block_ranks(results_of(three_samplers), "f1")
    assert ranks.loc[("u", "knn")].to_dict() == {"a": 1.5, "b": 1.5, "c": 3}  # both mean 0.8
    assert ranks.loc[("v", "knn")].to_dict() == {"a": 2, "b": 3, "c": 1}


def test_losses_rank_the_other_way_round(three_samplers):
    results = results_of(three_samplers)
    f1, loss = (ranking.block_ranks(results, name) for name in ("f1", "brier_corrected"))
    pd.testing.assert_frame_equal(loss, 4 - f1)
    means = ranking.mean_scores(results, ["f1", "brier_corrected"])
    np.testing.assert_allclose(means["f1"], means["brier_corrected"])


def test_a_sampler_that_fails_is_the_worst(three_samplers):
    failed = {("v", 0, "c"), ("v", 1, "c")}
    results = results_of(three_samplers, failed)
    ranks = ranking.main_ranks(results)
    assert ranks.loc[("v", "knn")].to_dict() == {"a": 1, "b": 2, "c": 3}
    assert ranking.block_ranks(results, "log_loss").loc[("v", "knn"), "c"] == 3
    assert ranking.costs(results)["failed"].to_dict() == {"a": 0, "b": 0, "c": 2}


def test_a_single_failure_counts_on_its_fold_only(three_samplers):
    scores = ranking.block_scores(results_of(three_samplers, {("u", 0, "a")}), "f1")
    assert scores.loc[("u", "knn"), "a"] == pytest.approx((0.7 + 0.7) / 2, abs=1e-3)


def test_win_rate_and_wilcoxon():
    gains = np.round(np.random.default_rng(0).normal(0.02, 0.03, 12), 3)
    scores = {
        (f"set{i}", 0): {"none": 0.5, "a": 0.5 + gain, "b": 0.5} for i, gain in enumerate(gains)
    }
    table = ranking.versus(results_of(scores), "none", "f1")
    assert table.loc["b"].to_dict() == {"win_rate": 0.5, "difference": 0, "p_value": 1}
    assert table.loc["a", "win_rate"] == pytest.approx((gains > 0).mean())
    assert table.loc["a", "difference"] == pytest.approx(gains.mean())
    assert table.loc["a", "p_value"] == pytest.approx(stats.wilcoxon(gains).pvalue)


def test_slow_samplers_are_compared_on_shared_folds(three_samplers):
    three_samplers = dict(three_samplers)
    for key in three_samplers:
        if key[1] == 1:
            three_samplers[key] = {k: v for k, v in three_samplers[key].items() if k != "c"}
    results = results_of(three_samplers)
    main, slow = ranking.main_field(results), ranking.slow_field(results)
    assert set(main["sampler"]) == {"a", "b"}
    assert set(main["fold"]) == {0, 1}
    assert set(slow["sampler"]) == {"a", "b", "c"}
    assert set(slow["fold"]) == {0}


def test_data_sets_on_which_all_fail_say_nothing(tmp_path):
    scores = {("u", 0): {"a": 0.9, "b": 0.8}, ("v", 0): {"a": 0.9, "b": 0.8}}
    results = results_of(scores, failed=[("v", 0, "a"), ("v", 0, "b")])
    assert set(ranking.main_field(results)["dataset"]) == {"u"}
    results.to_csv(tmp_path / "results.csv", index=False)
    assert "1 data sets" in report.write(tmp_path / "results.csv")[0].read_text()
    results[results["dataset"] == "v"].to_csv(tmp_path / "failed.csv", index=False)
    with pytest.raises(ValueError, match="no fold on which these samplers can be compared"):
        report.write(tmp_path / "failed.csv")


def test_ceiling_sets():
    table = {("u", 0): {"a": 0.999, "b": 0.998}, ("v", 0): {"a": 0.999, "b": 0.9}}
    assert ranking.ceiling_sets(results_of(table)) == ["u"]


def test_kinds_of_tables():
    table = {("u", 0): {"a": 0.5}}
    few = results_of(table, n_minority=30, n_classes=3)
    assert ranking.kinds_of_tables(few) == {"tiny minority": ["u"], "multi-class": ["u"]}
    assert ranking.kinds_of_tables(results_of(table)) == {"other": ["u"]}
    wide = results_of(table, n_features=50, n_categorical=26, n_rows=10_000)
    assert list(ranking.kinds_of_tables(wide)) == ["categorical", "high-dimensional", "large"]


def test_families_stay_together():
    table = {(name, 0): {"a": 0.5} for name in ("k1", "k2", "k3", "m1", "n1", "n2")}
    halves = ranking.halves_by_family(results_of(table))
    assert halves == (["k1", "k2", "k3"], ["m1", "n1", "n2"])


def test_nemenyi_distance():
    # Demsar (2006): q = 2.728 for five methods.
    assert ranking.nemenyi_distance(5, 30) == pytest.approx(2.728 * np.sqrt(30 / 180), abs=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_signed_ranks_are_those_of_all_signs(seed):
    gains = pd.Series(np.random.default_rng(seed).normal(0.5, 1, 9))
    assert ranking.wilcoxon_p(gains) == pytest.approx(stats.wilcoxon(gains).pvalue)
    tied = gains.round()[gains.round() != 0]
    every = stats.PermutationMethod(n_resamples=2**9)
    expected = stats.wilcoxon(tied, method=every).pvalue
    assert ranking.wilcoxon_p(tied) == pytest.approx(expected)


def test_ties_of_fifteen_data_sets_can_be_beyond_chance_among_fifteen_samplers():
    ranks = pd.DataFrame([[k // 2 for k in range(15)]] * 15, columns=list("abcdefghijklmno"))
    alike = {frozenset(pair) for pair in ("ab", "cd", "ef", "gh", "ij", "kl", "mn")}
    assert ranking.alike_pairs(ranks) == alike


def test_holm_joins_those_that_are_alike():
    random = np.random.default_rng(0)
    ranks = pd.DataFrame(
        {"a": 1 + random.normal(0, 0.05, 15), "b": 1 + random.normal(0, 0.05, 15), "c": 3.0}
    )
    assert ranking.alike_pairs(ranks) == {frozenset("ab")}
    assert [set(group) for group in ranking.alike_groups(ranks)] == [{"a", "b"}]


def test_report(tmp_path, three_samplers):
    table = {
        (f"{dataset}{i}", fold): {"none": scores["a"], "svm_smote": scores["b"], "ganaug": 0.1 * i}
        for (dataset, fold), scores in three_samplers.items()
        for i in range(3)
    }
    path = tmp_path / "results.csv"
    results_of(table).to_csv(path, index=False)
    assert report.main([str(path), "--split-half"]) == 0
    text = (tmp_path / "results.md").read_text()
    for title in (
        "Ranks and means",
        "Tuned decisions and calibration",
        "Goals",
        "Against none",
        "Against SVM-SMOTE",
        "Mean rank by classifier",
        "Mean rank by kind of table",
        "ganaug against none, by classifier and kind of table",
        "By data set",
        "Split half",
    ):
        assert f"## {title}" in text
    assert "6 data sets, 12 test folds" in text
    assert (tmp_path / "results-ranks.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("n_datasets", [1, 9])
@pytest.mark.parametrize("name", ["none", 'ganaug:without="calibration"', "x" * 40])
def test_nothing_of_a_picture_is_cut(tmp_path, name, n_datasets):
    samplers = ["ganaug", "svm_smote", *(name + str(i) for i in range(4))]
    drawn = np.random.default_rng(0).random((n_datasets, 6)).argsort(axis=1) + 1.0
    draw_ranks(pd.DataFrame(drawn, columns=samplers), tmp_path / "ranks.png")
    picture = imread(tmp_path / "ranks.png")
    for border in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (border == 1).all()


@pytest.mark.parametrize(
    ("n_samplers", "n_datasets", "note"),
    [
        (2, 9, "mean rank, 9 data sets (1 is best)"),
        (3, 1, "mean rank, one data set (1 is best)"),
        (3, 9, "mean rank, 9 data sets (Friedman p = "),
    ],
)
def test_a_picture_says_of_a_test_only_where_there_is_one(tmp_path, n_samplers, n_datasets, note):
    drawn = np.random.default_rng(0).random((n_datasets, n_samplers)).argsort(axis=1) + 1.0
    samplers = ["ganaug", "smote", "none"][:n_samplers]
    draw_ranks(pd.DataFrame(drawn, columns=samplers), tmp_path / "ranks.svg")
    picture = (tmp_path / "ranks.svg").read_text()
    assert note in picture
    assert "nan" not in picture


def test_the_short_table_of_a_page_is_filled_in(tmp_path, three_samplers):
    path, page = tmp_path / "found.csv", tmp_path / "page.md"
    results_of(three_samplers).to_csv(path, index=False)
    page.write_text("before\n<!-- results:found -->\nold\n<!-- /results:found -->\nafter\n")
    for _ in range(2):  # once more changes nothing
        assert report.main([str(path), "--readme", str(page)]) == 0
        text = page.read_text()
        assert "old" not in text
        assert text.startswith("before\n<!-- results:found -->\n| sampler | mean rank |")
        assert text.endswith("|\n<!-- /results:found -->\nafter\n")
    page.write_text("no marks")
    assert report.main([str(path), "--readme", str(page)]) == 2
    assert page.read_text() == "no marks"


def test_report_of_some_samplers(tmp_path, three_samplers):
    path = tmp_path / "results.csv"
    results_of(three_samplers).to_csv(path, index=False)
    report.write(path, tmp_path / "some.md", samplers=["a", "b"])
    assert "2 samplers" in (tmp_path / "some.md").read_text()


def test_report_without_a_file(tmp_path, capsys):
    assert report.main([str(tmp_path / "absent.csv")]) == 2
    assert "absent.csv" in capsys.readouterr().err
