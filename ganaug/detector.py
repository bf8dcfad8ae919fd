"""GANOutlierDetector: outliers and novelties of mixed tables, by neighbours and discriminators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from ganaug import _requests as requests
from ganaug import _validation as validation
from ganaug._detection.discriminators import EnsembleConfig
from ganaug._detection.explanation import Explanation, PathExplainer
from ganaug._detection.features import FeatureMap
from ganaug._detection.model import (
    Calibration,
    DetectionModel,
    Mode,
    ModelConfig,
    fit_model,
)
from ganaug._detection.seen import Kinds
from ganaug._detection.threshold import find_threshold, normality_of
from ganaug._encoding.columns import Column
from ganaug._encoding.fitted_columns import read_fitted_columns
from ganaug._encoding.rows import RowBuilder
from ganaug._memory import explaining_memory
from ganaug._scoring import ScoreScale, conformal_p_values, to_anomaly
from ganaug._validation import Number
from ganaug._warning import adding
from ganaug.sampler import GANSampler

MAX_KEPT_ROWS = 5000
# Rows that are scored at once; a multiple of what distances are measured for at once.
PART_ROWS = 16_384
SCORE_FEWER = "score fewer rows at a time"
# What counts more drowns all else, and far beyond this scores overflow.
MAX_WEIGHT = 1000
# The classes of the sampler that `sample` trains.
HALVES = ("the more typical half", "the less typical half")
OF_ITS_SAMPLER = (
    "Said of the GANSampler that GANOutlierDetector.sample trains: with its defaults, whatever the "
    "parameters of the detector are."
)


@dataclass(frozen=True)
class FittedDetector:
    """What a fit makes, and what a file of a fitted detector holds.

    The sampler is there once `sample` was called.
    """

    feature_map: FeatureMap
    model: DetectionModel
    calibration: Calibration
    score_scale: ScoreScale
    offset: float
    seed: int
    row_builder: RowBuilder
    kept_columns: list[Column]
    sampler: GANSampler | None = None


class GANOutlierDetector(OutlierMixin, BaseEstimator):
    """Detect outliers and novelties with neighbours and GAN discriminators.

    A row is compared with rows of the training table: how far it is from what its nearest rows can
    reproduce [1]_, and how far it is from most of many small random blocks of rows, among which a
    small cluster of anomalies has no friends [2]_. An ensemble of discriminators, trained to tell
    real rows from rows moved by difference noise, sees the row and its distances and says how
    unusual these are at this place. In a small table it also counts how far out the row is in all
    of its columns together [3]_. Rows of the training table, whose neighbours may be anomalies
    like themselves, are judged by blocks alone.

    Parameters
    ----------
    contamination : "auto" or float in (0, 0.5], default="auto"
        The share of outliers in the training table, which sets the threshold of `predict`: that
        share of training rows lies beyond, and of new rows like them. Blocks get so small that even
        outliers which are all alike can't vouch for one another. "auto" puts the threshold where
        5% lie beyond, and finds clusters of up to some 4% of the table.
    categorical_features : "auto", array-like, callable or None, default="auto"
        Columns of categories, as in `GANSampler`: "auto", or None, goes by dtype.
    novelty : "auto" or bool, default="auto"
        Whether rows are judged as new ones (by everything) or as suspects that may have
        accomplices in the training table (by blocks alone). "auto" judges rows that were in the
        training table (that equal one of its rows in every column) as suspects and all others as
        new. True suits tables of few distinct rows, where many new rows equal old ones; False
        suits new rows when the training table is known to hold anomalies of the same kind.
    max_reference_rows : int, default=3072
        Rows are compared with a random choice of so many training rows. More are slower, and a
        little more exact on large tables.
    discriminator_weight : float in [0, 1000], default=1.0
        What the discriminators count; 0 does without them, and trains none.
    tail_weight : float in [0, 1000], default=0.2
        What it counts, in a small table, how far out a row is in all columns together; it counts
        half as much with 500 reference rows, and little with thousands. 0 does without.
    n_steps : int, default=400
        Training steps of the discriminators.
    batch_size : int, default=128
        Real rows, and as many moved ones, in each training batch of each discriminator.
    hidden_layer_sizes : tuple of int, default=(32, 32)
        Units of each hidden layer of each discriminator.
    learning_rate : float, default=2e-3
        First step size of Adam; it falls to a tenth.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random. With an int, the same data give the same scores, bit for bit.

    Attributes
    ----------
    offset_ : float
        The threshold on `score_samples`: ``decision_function = score_samples - offset_``.
    encoder_ : TableEncoder
        Turns columns into encoded rows and back.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if all of them are strings.

    See Also
    --------
    sklearn.neighbors.LocalOutlierFactor : Has the same two uses, told apart by `novelty`.
    sklearn.ensemble.IsolationForest : The same methods, for numbers.

    Notes
    -----
    A row's score does not depend on the rows that it is scored with. Everything runs on the CPU:
    neighbours are looked for on as many threads as ``torch.get_num_threads()``, at most 4, all else
    on one, and scores are the same on any number.

    References
    ----------
    .. [1] Roweis and Saul, "Nonlinear dimensionality reduction by locally linear embedding", 2000.
    .. [2] Sugiyama and Borgwardt, "Rapid distance-based outlier detection via sampling", 2013.
    .. [3] Li et al., "ECOD: Unsupervised outlier detection using empirical cumulative distribution
       functions", 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from ganaug import GANOutlierDetector
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 3))
    >>> detector = GANOutlierDetector(random_state=0).fit(X)
    >>> detector.predict([[0.0, 0.0, 0.0], [8.0, 0.0, 0.0]])
    array([ 1, -1])
    >>> bool(detector.p_value([[8.0, 0.0, 0.0]])[0] < 0.01)
    True
    >>> int(detector.explain([[8.0, 0.0, 0.0]]).contributions.argmax())
    0
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        "contamination": [StrOptions({"auto"}), Number(Real, 0, 0.5, closed="right")],
        "categorical_features": [StrOptions({"auto"}), "array-like", callable, None],
        "novelty": [StrOptions({"auto"}), "boolean"],
        "max_reference_rows": [Number(Integral, 2, 2**16, closed="both")],
        "discriminator_weight": [Number(Real, 0, MAX_WEIGHT, closed="both")],
        "tail_weight": [Number(Real, 0, MAX_WEIGHT, closed="both")],
        "n_steps": [Number(Integral, 1, None, closed="left")],
        "batch_size": [Number(Integral, 2, 2**20, closed="both")],
        "hidden_layer_sizes": [tuple, list],
        "learning_rate": [Number(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    _sampler: GANSampler | None  # trained by the first call of `sample`

    def __init__(
        self,
        *,
        contamination: float | str = "auto",
        categorical_features: Any = "auto",
        novelty: bool | str = "auto",
        max_reference_rows: int = 3072,
        discriminator_weight: float = 1.0,
        tail_weight: float = 0.2,
        n_steps: int = 400,
        batch_size: int = 128,
        hidden_layer_sizes: Sequence[int] = (32, 32),
        learning_rate: float = 2e-3,
        random_state: Any = None,
    ) -> None:
        self.contamination = contamination
        self.categorical_features = categorical_features
        self.novelty = novelty
        self.max_reference_rows = max_reference_rows
        self.discriminator_weight = discriminator_weight
        self.tail_weight = tail_weight
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.hidden_layer_sizes = hidden_layer_sizes
        self.learning_rate = learning_rate
        self.random_state = random_state

    # --- public -------------------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    @explaining_memory("lower max_reference_rows or batch_size, or fit fewer rows")
    def fit(self, X: Any, y: Any = None) -> GANOutlierDetector:
        """Learn what rows are usual.

        Parameters
        ----------
        X : {dataframe, array-like, sparse matrix} of shape (n_samples, n_features)
            The table: pandas, polars or pyarrow; numpy, scipy sparse or a list of rows. Columns
            may be numbers, dates, durations, booleans, strings or categories, and miss values.
        y : ignored
            For pipelines.

        Returns
        -------
        self : GANOutlierDetector

        Raises
        ------
        DataError
            If the data can't be used; the message says why, and what to do. If that is their type
            (a dict, a lazy frame), it is a `DataTypeError`, which is a `TypeError`, too.
        ValueError
            If a parameter can't be used whatever the data are.
        OutOfMemoryError
            If memory runs out; the message says what to lower. So do all methods that compute.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import GANOutlierDetector
        >>> X = np.random.default_rng(0).normal(size=(100, 2))
        >>> detector = GANOutlierDetector(n_steps=20, random_state=0).fit(X)
        >>> detector.n_features_in_
        2
        >>> bool((detector.predict(X) == -1).mean() < 0.1)
        True
        """
        rows = validation.check_rows(X)
        validation.check_some_rows(rows)
        columns = validation.read_columns(rows, self.categorical_features, X)
        fitted = self._learned(columns, rows.builder(columns))
        validation.remember_columns(self, X)
        self._set(fitted)
        return self

    @explaining_memory(SCORE_FEWER)
    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return how normal rows are: higher = more normal.

        0 is what 5% of training rows fall below (of new rows, kept out of training, and of those
        in the table, each measured by themselves), 1 more is one distance between their quartiles
        more. Where rows are equal by chance (answers, rounded numbers), as many new rows that equal
        none of the table fall below 0 as training rows that equal no other.

        Parameters
        ----------
        X : {dataframe, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows with the columns of `fit`. Categories that `fit` has not seen, and values missing
            where none were, count as unusual. Times of another time zone are converted to
            that of their column.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        DataError
            If the columns are not those of `fit` (other names, numbers where there were categories,
            no time zone where there was one).
        sklearn.exceptions.NotFittedError
            If the detector is not fitted.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import GANOutlierDetector
        >>> X = np.random.default_rng(0).normal(size=(100, 2))
        >>> detector = GANOutlierDetector(n_steps=20, random_state=0).fit(X)
        >>> usual, far = detector.score_samples([[0.0, 0.0], [8.0, 0.0]])
        >>> bool(usual > 0 > far)
        True
        """
        parts = [self._normality(points, self._modes(points)) for points in self._parts(X)]
        return np.concatenate(parts)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return `score_samples` less `offset_`: negative for outliers.

        Parameters
        ----------
        X : {dataframe, array-like, sparse matrix} of shape (n_samples, n_features)
            As in `score_samples`.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        DataError, sklearn.exceptions.NotFittedError
            As in `score_samples`.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import GANOutlierDetector
        >>> X = np.random.default_rng(0).normal(size=(100, 2))
        >>> detector = GANOutlierDetector(n_steps=20, random_state=0).fit(X)
        >>> usual, far = detector.decision_function([[0.0, 0.0], [8.0, 0.0]])
        >>> bool(usual > 0 > far)
        True
        """
        decision: NDArray[np.float64] = self.score_samples(X) - self.offset_
        return decision

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return -1 for outliers and 1 for the others.

        A row that equals one of the training table in every column is judged as that one. If it was
        rounded in between (to single precision, say) it is a new row, and may get another label.

        Parameters
        ----------
        X : {dataframe, array-like, sparse matrix} of shape (n_samples, n_features)
            As in `score_samples`.

        Returns
        -------
        ndarray of shape (n_samples,), dtype int64

        Raises
        ------
        DataError, sklearn.exceptions.NotFittedError
            As in `score_samples`.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import GANOutlierDetector
        >>> X = np.random.default_rng(0).normal(size=(100, 2))
        >>> detector = GANOutlierDetector(n_steps=20, random_state=0).fit(X)
        >>> detector.predict([[0.0, 0.0], [8.0, 0.0]])
        array([ 1, -1])
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def anomaly_score(self, X: Any) -> NDArray[np.float64]:
        """Return how anomalous rows are, from 0 to 1: higher = more anomalous.

        0.5 is what 5% of training rows exceed. The opposite of `score_samples`.

        Parameters
        ----------
        X : {dataframe, array-like, sparse matrix} of shape (n_samples, n_features)
            As in `score_samples`.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        DataError, sklearn.exceptions.NotFittedError
            As in `score_samples`.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import GANOutlierDetector
        >>> X = np.random.default_rng(0).normal(size=(100, 2))
        >>> detector = GANOutlierDetector(n_steps=20, random_state=0).fit(X)
        >>> usual, far = detector.anomaly_score([[0.0, 0.0], [8.0, 0.0]])
        >>> bool(usual < 0.5 < far)
        True
        """
        return to_anomaly(self.score_samples(X))

    @explaining_memory(SCORE_FEWER)
    def p_value(self, X: Any) -> NDArray[np.float64]:
        """Return conformal p-values: how often a normal row would score as anomalous as this one.

        New rows are ranked among training rows that were kept out of what scores them: beyond the
        first `max_reference_rows` rows these are a calibration set, and the p-value of a normal
        row is below any level p with probability at most p [1]_ [2]_; in smaller tables each row
        is scored without itself and by those discriminators that have not seen it
        (cross-conformal), which is approximate. With ``novelty=False`` both are by blocks alone.
        Rows of the training table are ranked among each other. Anomalies in the training table
        make p-values larger, not smaller.

        Parameters
        ----------
        X : {dataframe, array-like, sparse matrix} of shape (n_samples, n_features)
            As in `score_samples`.

        Returns
        -------
        ndarray of shape (n_samples,)
            In (0, 1]; at least 1 / (n_calibration + 1).

        Raises
        ------
        DataError, sklearn.exceptions.NotFittedError
            As in `score_samples`.

        References
        ----------
        .. [1] Vovk et al., "Algorithmic learning in a random world", 2005.
        .. [2] Bates et al., "Testing for outliers with conformal p-values", 2023.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import GANOutlierDetector
        >>> X = np.random.default_rng(0).normal(size=(100, 2))
        >>> detector = GANOutlierDetector(n_steps=20, random_state=0).fit(X)
        >>> usual, far = detector.p_value([[0.0, 0.0], [8.0, 0.0]])
        >>> bool(far < 0.05 < usual)
        True
        """
        return np.concatenate([self._p_values(points) for points in self._parts(X)])

    @explaining_memory(SCORE_FEWER)
    def explain(self, X: Any) -> Explanation:
        """Return which columns make each row anomalous.

        Parameters
        ----------
        X : {dataframe, array-like, sparse matrix} of shape (n_samples, n_features)
            As in `score_samples`.

        Returns
        -------
        Explanation
            ``contributions`` of shape (n_samples, n_features), higher = more anomalous, whose sums
            are ``baseline - score``: the score of the most similar typical row of the training
            table less that of the row. They are Shapley values, estimated by 4 random orders of
            the columns and their reverses [1]_.

        Raises
        ------
        DataError, sklearn.exceptions.NotFittedError
            As in `score_samples`.

        References
        ----------
        .. [1] Strumbelj and Kononenko, "Explaining prediction models and individual predictions
           with feature contributions", 2014.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import GANOutlierDetector
        >>> X = np.random.default_rng(0).normal(size=(100, 2))
        >>> detector = GANOutlierDetector(n_steps=20, random_state=0).fit(X)
        >>> explanation = detector.explain([[8.0, 0.0], [0.0, -8.0]])
        >>> explanation.contributions.argmax(axis=1)
        array([0, 1])
        >>> [[name for name, _ in columns] for columns in explanation.top(1)]
        [[0], [1]]
        """
        points = np.concatenate(list(self._parts(X)))
        modes = self._modes(points)
        baselines = self._model.typical_rows_near(points)
        explainer = PathExplainer(
            self._normality, self._feature_map.column_of, self.n_features_in_, self._seed
        )
        return Explanation(
            explainer.contributions(points, baselines, modes),
            self._normality(baselines, modes),
            self._normality(points, modes),
            tuple(column.name for column in self._kept_columns),
        )

    def sample(self, n_samples: int, *, random_state: Any = None) -> Any:
        """Draw synthetic rows like those of the training table.

        The first call trains a `GANSampler`, with its defaults and the columns of categories and
        the seed of the detector, on the CPU and on at most 5000 training rows; its two classes are
        the more and the less typical half of them, and rows are of both in turn. A larger sample
        begins with the rows of a smaller one.

        Parameters
        ----------
        n_samples : int
            How many rows.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw. By default it follows from the fit: the same call gives the same rows.

        Returns
        -------
        X : same container and dtypes as in `fit`, of shape (n_samples, n_features)

        Raises
        ------
        DataError
            If `n_samples` isn't a number of rows, `random_state` no seed, or the training table has
            fewer than 4 rows.
        OutOfMemoryError
            If memory runs out.
        TrainingError
            If the training of the sampler diverged and could not be mended.
        sklearn.exceptions.NotFittedError
            If the detector is not fitted.

        Notes
        -----
        That training warns as `GANSampler.fit` does. Its warnings and errors may advise to set
        parameters, which are those of a `GANSampler` of your own, and say so.

        Examples
        --------
        >>> import numpy as np
        >>> from ganaug import GANOutlierDetector
        >>> X = np.random.default_rng(0).normal(size=(100, 2))
        >>> detector = GANOutlierDetector(n_steps=20, random_state=0).fit(X)
        >>> detector.sample(5).shape
        (5, 2)
        """
        check_is_fitted(self, "offset_")
        n_samples = requests.check_count(n_samples)
        requests.check_seed(random_state)
        if self._sampler is None:
            self._sampler = self._train_sampler()
        halves = np.array(HALVES)[np.arange(n_samples) % 2]
        rows, _ = self._sampler.sample(n_samples, y=halves, random_state=random_state)
        return rows

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted detector to a file that `ganaug.load` reads.

        The file is data (JSON and tensors in a zip): reading it runs no code, unlike unpickling.
        It holds training rows. An existing file is replaced in one step.

        Parameters
        ----------
        path : path
            The file to write.

        Raises
        ------
        PersistenceError
            If a category or a parameter is of a type that can't be written as data.
        OSError
            If the file can't be written, for example because its folder is not there.
        sklearn.exceptions.NotFittedError
            If the detector is not fitted.

        Examples
        --------
        >>> import numpy as np
        >>> import ganaug
        >>> X = np.random.default_rng(0).normal(size=(200, 3))
        >>> detector = ganaug.GANOutlierDetector(random_state=0).fit(X)
        >>> detector.save("detector.ganaug")
        >>> loaded = ganaug.load("detector.ganaug")
        >>> bool((loaded.score_samples(X) == detector.score_samples(X)).all())
        True
        """
        from ganaug._persistence.models import save

        check_is_fitted(self, "offset_")
        save(self, path)

    # --- fit ----------------------------------------------------------------------------------

    def _learned(self, columns: list[Column], row_builder: RowBuilder) -> FittedDetector:
        """Return what is learned from the columns of the training table."""
        config = self._config()
        feature_map = FeatureMap.fit(columns)
        validation.check_varied(feature_map.width)
        points = feature_map.transform(columns)
        kinds = Kinds.of(points)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        model, calibration = fit_model(
            points,
            kinds,
            partial(feature_map.points_left_out, columns, kinds.number),
            feature_map.encoder.layout_,
            config,
            seed,
        )
        threshold = find_threshold(points, kinds, model, calibration, config)
        kept = np.random.default_rng(seed).permutation(len(points))[:MAX_KEPT_ROWS]
        return FittedDetector(
            feature_map=feature_map,
            model=model,
            calibration=calibration,
            score_scale=threshold.scale,
            offset=threshold.offset,
            seed=seed,
            row_builder=row_builder,
            kept_columns=[column.take(np.sort(kept)) for column in columns],
        )

    def _config(self) -> ModelConfig:
        sizes = validation.check_layer_sizes(self.hidden_layer_sizes, type(self).__name__)
        return ModelConfig(
            self.max_reference_rows,
            self.discriminator_weight,
            self.tail_weight,
            EnsembleConfig(sizes, self.n_steps, self.batch_size, self.learning_rate),
            contamination=None if self.contamination == "auto" else float(self.contamination),
            all_are_new=self.novelty != "auto" and bool(self.novelty),
        )

    def _set(self, fitted: FittedDetector) -> None:
        """Set what was fitted, all at once: a fit that fails leaves the detector as it was."""
        self.offset_ = fitted.offset
        self.encoder_ = fitted.feature_map.encoder
        self._feature_map = fitted.feature_map
        self._model = fitted.model
        self._calibration = fitted.calibration
        self._score_scale = fitted.score_scale
        self._seed = fitted.seed
        self._row_builder = fitted.row_builder
        self._kept_columns = fitted.kept_columns
        self._sampler = fitted.sampler

    # --- the way of a row ---------------------------------------------------------------------

    def _parts(self, X: Any) -> Iterator[NDArray[np.float32]]:
        """Give rows as points, a part at a time, so that memory does not grow with their number."""
        check_is_fitted(self, "offset_")
        rows = validation.check_rows(X)
        validation.compare_columns(self, X)
        columns = read_fitted_columns(rows, self.encoder_, self._row_builder)
        for start in range(0, rows.n_rows, PART_ROWS):
            part = slice(start, start + PART_ROWS)
            yield self._feature_map.transform([column.take(part) for column in columns])

    def _modes(self, points: NDArray[np.float32]) -> NDArray[np.int64]:
        if self.novelty == "auto":
            return self._model.modes(points, of_new=Mode.NOVELTY)
        if self.novelty:
            return np.full(len(points), Mode.NOVELTY)
        return self._model.modes(points, of_new=Mode.STRANGER)

    def _normality(
        self, points: NDArray[np.float32], modes: NDArray[np.int64] | Mode
    ) -> NDArray[np.float64]:
        return normality_of(points, modes, self._model, self._score_scale)

    def _p_values(self, points: NDArray[np.float32]) -> NDArray[np.float64]:
        modes = self._modes(points)
        raw = self._model.raw_scores(points, modes)
        by_mode = [conformal_p_values(raw, usual) for usual in self._calibration.by_mode]
        return np.choose(modes, by_mode)

    def _train_sampler(self) -> GANSampler:
        X = self._row_builder.build(self._kept_columns)
        validation.check_halves(len(self._kept_columns[0].values))
        points = self._feature_map.transform(self._kept_columns)
        normality = self._normality(points, Mode.OUTLIER)
        is_typical = np.argsort(np.argsort(normality, kind="stable")) >= len(points) // 2
        sampler = GANSampler(
            categorical_features=self._feature_map.encoder.is_categorical,
            random_state=self._seed,
            device="cpu",
        )
        with adding(OF_ITS_SAMPLER):
            return sampler.fit(X, np.where(is_typical, *HALVES))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.non_deterministic = self.random_state is None
        return tags
