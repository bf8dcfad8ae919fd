from importlib import resources

import pandas as pd

from ganaug.datasets import load_bank_marketing


def test_bank_marketing_is_as_in_the_source():
    X, y = load_bank_marketing()
    assert X.shape == (41188, 19)
    assert y.value_counts().to_dict() == {"no": 36548, "yes": 4640}
    assert X.index.equals(y.index)
    assert not X.isna().any(axis=None)
    assert "duration" not in X
    assert (X["pdays"] == 999).sum() == 39673
    assert {"unknown"} <= set(X["education"].cat.categories)
    assert X["age"].between(17, 98).all()


def test_bank_marketing_is_mixed():
    X, _ = load_bank_marketing()
    kinds = [str(dtype) for dtype in X.dtypes]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "category": 10,
        "int64": 4,
        "float64": 5,
    }


def test_each_call_gives_a_table_of_its_own():
    X, _ = load_bank_marketing()
    X.loc[0, "age"] = 0
    again, _ = load_bank_marketing()
    assert again.loc[0, "age"] == 56
    assert isinstance(again, pd.DataFrame)


def test_licence_and_citation_ship_beside_the_data():
    text = (resources.files("ganaug") / "data" / "README.md").read_text(encoding="utf-8")
    for required in ("CC BY 4.0", "Moro", "Decision Support Systems", "duration"):
        assert required in text
