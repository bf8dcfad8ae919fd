"""GANSampler: over-sampling of imbalanced tables with a conditional GAN."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from typing import Any

import numpy as np
import torch
from imblearn.over_sampling.base import BaseOverSampler
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from ganaug import _fit_warnings as fit_warnings
from ganaug import _requests as requests
from ganaug import _validation as validation
from ganaug._callbacks import CallbackSupportMixin, TrainingTask, with_callbacks
from ganaug._drawing import Draw, RowDrawer
from ganaug._encoding.columns import Column
from ganaug._encoding.fitted_columns import read_fitted_columns
from ganaug._encoding.images import ImageEncoder, find_form
from ganaug._encoding.rows import RowBuilder
from ganaug._encoding.scan import check_dataset_request, extract, is_dataset, refuse_dataset
from ganaug._encoding.table import TableEncoder
from ganaug._fitting import (
    IMAGE_AUTO,
    OWN_AUTO,
    SMALL_TABLE_AUTO,
    SMALL_TABLE_ROWS,
    TABLE_AUTO,
    Auto,
    FittedParts,
    TrainingJob,
    train_gan,
)
from ganaug._gan.batches import BatchConfig
from ganaug._gan.inference import SamplingConfig
from ganaug._gan.losses import LOSSES
from ganaug._gan.model import GAN, GANConfig, Stream
from ganaug._gan.networks import NetworkConfig
from ganaug._gan.runtime import resolve_device
from ganaug._gan.training import TrainingConfig
from ganaug._memory import each_explained, explaining_memory
from ganaug._persistence.checkpoints import Checkpoint
from ganaug._scoring import ScoreScale, less_unseen, to_anomaly
from ganaug._validation import Number

# What to do where memory runs out.
ON_DEVICE = "load the saved sampler with device='cpu'"
LOWER_BATCH_ROWS = "lower batch_rows"


class GANSampler(CallbackSupportMixin, BaseOverSampler):
    """Over-sample with the generator of a conditional GAN.

    One generator and one discriminator, conditioned on the class, are trained on all classes, so
    that a small class borrows what the large ones teach. Generated rows are valid rows of the
    table: numbers within the range and on the grid of their column, categories that were seen,
    missing values at the class's own rate, in the container and the dtypes that came in.

    Read the method in the design notes; its parts are a relativistic loss with zero-centred
    gradient penalties [1]_, a projection discriminator [2]_, a Gumbel-softmax for categories [3]_,
    and anchors: rows are generated next to a real row of the class, as SMOTE does [4]_.

    Rows may be images (see `image_shape`). Those of `fit_resample` are views of real images of the
    class: turned, shifted, stretched and bent, each by a strength of its own [11]_, from which
    classifiers learn more than from what networks redraw. Those of `sample` start from views, too,
    and convolutional networks bend and redraw half of them in ways that are learned on all classes
    [8]_. The discriminator sees images through differentiable augmentation [9]_. Scores of images,
    and with networks of your own, are distances to training rows among the discriminator's
    features [10]_.

    Parameters
    ----------
    sampling_strategy : float, str, dict, list or callable, default="auto"
        Which classes to over-sample, and how far, as in imbalanced-learn:

        - float: the ratio of minority to majority rows after resampling (two classes only; a
          ratio that is reached already adds nothing);
        - str: "minority", "not minority", "not majority", "all" or "auto" (= "not majority");
          the classes are brought up to the largest;
        - dict: class -> number of rows after resampling;
        - list: classes to bring up to the largest;
        - callable: takes y, returns such a dict.
    categorical_features : "auto", array-like, callable or None, default="auto"
        Columns of categories. "auto", or None, goes by dtype: category, string, boolean and object
        columns (of objects that are not all numbers, `decimal.Decimal` or `datetime.date`).
        Names, positions or a boolean mask (or a callable that takes X and returns one of them)
        name numeric columns that are categories too. Dummies (columns side by side of 0 and 1, or
        of booleans, of which exactly one is 1 in each row) are one category, but for networks of
        your own.
    n_steps : "auto" or int, default="auto"
        Training steps: "auto" means 400 for tables, 300 for images and 500 for networks of your
        own. Now and then generated rows are compared with real ones, and the generator of the
        best check is kept; of images the last one.
    batch_size : "auto" or int, default="auto"
        Rows in each training batch; all classes are drawn equally often. "auto" means 192 rows of
        a table, 128 if it has at most 2000 in all, or 64 images.
    hidden_layer_sizes : tuple of int, default=(128, 128)
        Units of each hidden layer, in both networks, for tables.
    latent_dim : int, default=16
        Size of the noise vector.
    learning_rate : "auto" or float, default="auto"
        Step size of Adam, in both networks. "auto" means 2.5e-3 for tables, 1e-3 for
        images and 2e-3 for networks of your own.
    betas : tuple of float, default=(0.0, 0.99)
        Decay of the means of gradients and of their squares in Adam.
    loss : {"relativistic", "bce", "hinge", "wasserstein"}, default="relativistic"
        The adversarial loss: that of R3GAN [1]_, binary cross-entropy [5]_, hinge [6]_, or the
        difference of the mean logits [7]_.
    gradient_penalty : float, default=1.0
        Weight of the gradient penalties.
    anchored_share : float, default=1.0
        Share of rows that are generated next to a real row; the others come from noise alone.
    n_neighbors : int, default=5
        Among so many nearest rows of its class an anchor finds the row to be generated.
    image_shape : tuple of int, default=None
        Rows are images: (height, width), (channels, height, width) or (height, width, channels)
        in pixels, 8 to 256 on a side. By default the shape of an array of 3 or 4 dimensions.
    channels : {"auto", "first", "last"}, default="auto"
        Where the channels of an image are: before or after its height and width. "auto" takes
        the side with 4 or less.
    generator, discriminator : callable, default=None
        Networks of your own in the place of ganaug's, for images or tables: each a callable
        without arguments that returns a new `torch.nn.Module` in each call; pass both or neither.
        ``generator(latent, classes)`` turns noise of shape (batch, `latent_dim`) and class codes
        of shape (batch,), positions in `classes_`, into images of shape (batch, channels, height,
        width) with pixels from -1 to 1, or into rows (batch, ``encoder_.layout_.width``) of
        encoded numbers followed by the logits of all levels. ``discriminator(rows, classes)``
        turns these into logits, (batch,) or (batch, 1). A network is given classes if the second
        positional parameter of its ``forward`` has no default value, or is named ``y`` or with
        "class" or "label" in it. If one of the two knows no classes, each class gets networks of
        its own, trained on `batch_size` rows of it. Both are run on one batch before training.
        They are trained as they are: without anchors, views and augmentation, which belong to
        ganaug's networks.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random. With an int, the same data give the same rows, bit for bit, on
        the same device with the same number of threads.
    device : "auto", str or torch.device, default="auto"
        Where to train and sample. "auto" takes a CUDA GPU where there is one.
    verbose : int, default=0
        1 shows a progress bar.
    check_interval : int, default=50
        Steps between two checks of the quality.
    callback : callable, default=None
        Called after each check with an object that has `step`, `quality`, the mean
        `discriminator_loss` and `generator_loss` since the last one, and the two networks as they
        are, `generator` (averaged) and `discriminator`; of images and of networks of your own,
        ``samples(n)`` too: n generated images or encoded rows, always from the same noise, for
        `ganaug.plotting.ImageRecorder`. If it returns True, training ends there.
    checkpoint : path or None, default=None
        Folder for the state of the training, written every so often (it takes at most 5% of the
        time), so that a run that is killed can go on.
    resume : bool, default=False
        Whether to go on from what is in `checkpoint`; with nothing there, training starts anew.
        The result is, bit for bit, that of a run that was never interrupted. The checkpoint of
        other data, parameters or versions is an error.

    Attributes
    ----------
    sampling_strategy_ : dict
        Class -> number of rows to add.
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    generator_ : torch.nn.Module
        The trained generator (its weights averaged over the last steps).
    discriminator_ : torch.nn.Module
        The discriminator that was trained against it.
    encoder_ : TableEncoder or ImageEncoder
        Turns columns into encoded rows or images and back.
    history_ : dict of str -> ndarray
        ``discriminator_loss`` and ``generator_loss``, each of shape (n_steps_run,);
        ``check_step`` and ``quality``, each of shape (n_checks,): the energy distance of generated
        to real rows (lower is better); ``best_step``, the step that was kept; ``restart_step``,
        where training went back to the best state because a number was not finite; and
        ``interrupted``, whether Ctrl-C ended it.
    synthetic_mask_ : ndarray of shape (n_rows,), dtype bool
        Which rows of the last `fit_resample` are synthetic.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if all of them are strings.

    See Also
    --------
    imblearn.over_sampling.SMOTENC : Interpolates numbers and copies categories.

    Notes
    -----
    While training, torch runs on one thread (small networks are no faster on more; those of tables
    that are many times larger than the default, and networks of your own, get the caller's
    threads), and goes back to the caller's setting afterwards. Beyond some thousand rows of a
    class, rows of tables are drawn on as many threads as ``torch.get_num_threads()``, at most 4,
    and are the same on any number. Nothing else outside of the sampler is touched: neither the
    random states of torch, numpy and Python, nor torch's default dtype.

    Fits in several threads of one process give the same rows as alone. Those of images and of
    networks of your own take turns, step by step, as layers draw from one random state of torch:
    for speed, fit in processes (joblib's default).

    References
    ----------
    .. [1] Huang et al., "The GAN is dead; long live the GAN! A modern baseline GAN", 2024.
    .. [2] Miyato and Koyama, "cGANs with projection discriminator", 2018.
    .. [3] Jang et al., "Categorical reparameterization with Gumbel-softmax", 2017.
    .. [4] Chawla et al., "SMOTE: synthetic minority over-sampling technique", 2002.
    .. [5] Goodfellow et al., "Generative adversarial nets", 2014.
    .. [6] Lim and Ye, "Geometric GAN", 2017.
    .. [7] Arjovsky et al., "Wasserstein GAN", 2017.
    .. [8] Antoniou et al., "Data augmentation generative adversarial networks", 2017.
    .. [9] Zhao et al., "Differentiable augmentation for data-efficient GAN training", 2020.
    .. [10] Sun et al., "Out-of-distribution detection with deep nearest neighbors", 2022.
    .. [11] Mueller and Hutter, "TrivialAugment: tuning-free yet state-of-the-art data
       augmentation", 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_classification
    >>> from ganaug import GANSampler
    >>> X, y = make_classification(n_samples=300, weights=[0.9], random_state=0)
    >>> np.bincount(y)
    array([269,  31])
    >>> sampler = GANSampler(n_steps=50, random_state=0)
    >>> X_resampled, y_resampled = sampler.fit_resample(X, y)
    >>> np.bincount(y_resampled)
    array([269, 269])
    >>> X_more, y_more = sampler.sample(5, y=1)
    >>> X_more.shape
    (5, 20)

    Images of digits, 8 x 8 pixels from 0 to 16:

    >>> from sklearn.datasets import load_digits
    >>> images, digits = load_digits(n_class=3, return_X_y=True)
    >>> images = images.reshape(-1, 8, 8)
    >>> GANSampler(n_steps=25, random_state=0).fit(images, digits).sample(4)[0].shape
    (4, 8, 8)
    """

    _parameter_constraints: dict[str, Any] = {  # noqa: RUF012
        **BaseOverSampler._parameter_constraints,
        "sampling_strategy": [
            Number(Real, 0, 1, closed="right"),
            StrOptions({"auto", "minority", "not minority", "not majority", "all"}),
            Mapping,
            callable,
            list,
        ],
        "categorical_features": [StrOptions({"auto"}), "array-like", callable, None],
        "n_steps": [StrOptions({"auto"}), Number(Integral, 1, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Number(Integral, 2, 2**20, closed="both")],
        "hidden_layer_sizes": [tuple, list],
        "latent_dim": [validation.LAYER_SIZE],
        "learning_rate": [StrOptions({"auto"}), Number(Real, 0, 1, closed="neither")],
        "betas": [tuple, list],
        "loss": [StrOptions(set(LOSSES))],
        "gradient_penalty": [Number(Real, 0, None, closed="left")],
        "anchored_share": [Number(Real, 0, 1, closed="both")],
        "n_neighbors": [Number(Integral, 1, 10_000, closed="both")],
        "image_shape": [tuple, list, None],
        "channels": [StrOptions({"auto", "first", "last"})],
        "generator": [callable, None],
        "discriminator": [callable, None],
        "device": [str, torch.device],
        "verbose": ["verbose"],
        "check_interval": [Number(Integral, 1, None, closed="left")],
        "callback": [callable, None],
        "checkpoint": [str, PathLike, None],
        "resume": ["boolean"],
    }

    # for scikit-learn: a pipeline asks about `fit` of all its steps, and calls `fit_resample`
    __metadata_request__fit = {"sample_weight": False}  # noqa: RUF012

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        categorical_features: Any = "auto",
        n_steps: int | str = "auto",
        batch_size: int | str = "auto",
        hidden_layer_sizes: Sequence[int] = (128, 128),
        latent_dim: int = 16,
        learning_rate: float | str = "auto",
        betas: Sequence[float] = (0.0, 0.99),
        loss: str = "relativistic",
        gradient_penalty: float = 1.0,
        anchored_share: float = 1.0,
        n_neighbors: int = 5,
        image_shape: Sequence[int] | None = None,
        channels: str = "auto",
        generator: Callable[[], torch.nn.Module] | None = None,
        discriminator: Callable[[], torch.nn.Module] | None = None,
        random_state: Any = None,
        device: str | torch.device = "auto",
        verbose: int | bool = 0,
        check_interval: int = 50,
        callback: Callable[[Any], Any] | None = None,
        checkpoint: str | PathLike[str] | None = None,
        resume: bool = False,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.categorical_features = categorical_features
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.hidden_layer_sizes = hidden_layer_sizes
        self.latent_dim = latent_dim
        self.learning_rate = learning_rate
        self.betas = betas
        self.loss = loss
        self.gradient_penalty = gradient_penalty
        self.anchored_share = anchored_share
        self.n_neighbors = n_neighbors
        self.image_shape = image_shape
        self.channels = channels
        self.generator = generator
        self.discriminator = discriminator
        self.random_state = random_state
        self.device = device
        self.verbose = verbose
        self.check_interval = check_interval
        self.callback = callback
        self.checkpoint = checkpoint
        self.resume = resume

    # --- public -------------------------------------------------------------------------------

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> GANSampler:
        """Train the GAN.

        Parameters
        ----------
        X : {dataframe, array-like, sparse matrix} of shape (n_samples, n_features), or dataset
            Images may also be an array of shape (n_samples, height, width), or with a fourth axis
            of channels. The table: pandas, polars or pyarrow; numpy, scipy sparse or a list of
            rows. Columns may be numbers, dates, durations, booleans, strings or categories, and
            miss values.
            A `pyarrow.dataset.Dataset` may be larger than memory: it is read once, in parts, and
            a random choice of each class is kept, which doesn't depend on files or row groups.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), or str
            Class labels, or one-hot rows; for a dataset the name of the column with the labels.
        sample_weight : array-like of shape (n_samples,), default=None
            How often a row is drawn in training, in comparison to others of its class, and how
            often generated rows start from it.

        Returns
        -------
        self : GANSampler

        Raises
        ------
        DataError
            If the data can't be used, or a parameter doesn't suit them; the message says why, and
            what to do. If their type can't be used (a dict, a lazy frame), it is a `DataTypeError`,
            which is a `TypeError`, too.
        ValueError
            If a parameter can't be used whatever the data are.
        DeviceError
            If the device is not available.
        OutOfMemoryError
            If memory runs out; the message says what to lower. So do all methods that compute.
        TrainingError
            If training diverged and could not be mended; the message names likely columns.
        PersistenceError
            If `resume` is set and the checkpoint is damaged or that of another run; or if nothing
            can be written to the folder `checkpoint` when training starts. Where that happens later
            (a full disk), training goes on with one warning, and the last checkpoint stays.

        Notes
        -----
        Ctrl-C ends the training: the sampler is fitted with the best generator so far, and a
        `ConvergenceWarning` and ``history_["interrupted"]`` say so. Before the first check it is a
        `KeyboardInterrupt`, and the sampler stays as it was.

        A `ConvergenceWarning` also says where repeating rows would serve better: the rows of the
        generator come near to too few real ones of a class, or they are still far from real ones in
        distribution, because the training was too short or diverged. A `DataWarning` names columns
        whose values name rows, such as numbers of customers.

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from ganaug import GANSampler
        >>> X, y = make_classification(n_samples=100, weights=[0.8], random_state=0)
        >>> sampler = GANSampler(n_steps=20, random_state=0).fit(X, y)
        >>> sampler.classes_
        array([0, 1])
        >>> sampler.sampling_strategy_
        {1: 62}
        """
        self._fit(X, y, sample_weight)
        return self

    @with_callbacks
    def fit_resample(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None
    ) -> tuple[Any, Any]:
        """Train the GAN and return the table with synthetic rows added.

        Parameters
        ----------
        X : {dataframe, array-like, sparse matrix} of shape (n_samples, n_features)
            As in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            As in `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`. A pipeline with metadata routing passes it on after
            ``set_fit_resample_request(sample_weight=True)``.

        Returns
        -------
        X_resampled : same container and dtypes as X, of shape (n_resampled, n_features)
            The rows of X, first and untouched, then the synthetic ones; `synthetic_mask_` says
            which are which. In pandas, row labels that are different whole numbers count on; of any
            others, all rows are numbered from 0 on.
        y_resampled : same container and dtype as y, of shape (n_resampled, ...)
            Their labels; an array where y is neither a list, an array, a series nor a frame.

        Raises
        ------
        DataError, ValueError, DeviceError, TrainingError, PersistenceError
            As in `fit`.

        Notes
        -----
        The synthetic rows are those that classifiers learn most from, which are not those that
        look most real: see `for_training` in `sample`.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import make_classification
        >>> from ganaug import GANSampler
        >>> X, y = make_classification(n_samples=100, weights=[0.8], random_state=0)
        >>> sampler = GANSampler(n_steps=20, random_state=0)
        >>> X_resampled, y_resampled = sampler.fit_resample(X, y)
        >>> np.bincount(y), np.bincount(y_resampled)
        (array([81, 19]), array([81, 81]))
        >>> X_resampled[sampler.synthetic_mask_].shape
        (62, 20)
        """
        return self._fit_resample(X, y, sample_weight)

    @explaining_memory("ask for fewer rows, or take them in parts by sample_batches", ON_DEVICE)
    def sample(
        self,
        n_samples: int | Mapping[Any, int],
        y: Any = None,
        *,
        where: Mapping[Any, Any] | None = None,
        for_training: bool = False,
        random_state: Any = None,
    ) -> tuple[Any, Any]:
        """Draw synthetic rows from the trained generator, without refitting.

        Parameters
        ----------
        n_samples : int or mapping
            How many rows; or class -> how many rows of it.
        y : label or array-like of shape (n_samples,), default=None
            The class of all rows, or of each. By default an int is divided among classes as
            `fit_resample` would add to them (equally if it would add nothing).
        where : mapping, default=None
            What the rows must be: column -> value, range ``(low, high)`` with ``None`` for an open
            end, or list of levels; a missing value asks for missing ones. A part of a date stands
            for all of it, as where pandas slices: ``("2024-03", "2024-05")`` ends with May, and
            ``datetime.date(2024, 1, 6)`` is that whole day. All hold for every row, in bounded
            time: levels are conditioned where they are drawn, numbers are folded into their range,
            and rows start from training rows that meet the conditions or, where hardly any do, come
            nearest to that: they have most of the levels, and numbers next to those asked for. What
            a number is moved by, others follow, as they do between neighbours of the class. A range
            may begin beyond the numbers of the class, as far as these lie apart on average.
        for_training : bool, default=False
            Draw rows as `fit_resample` does: those that classifiers learn most from, hardly any
            among another class (or, where most real rows lie among one, deeper there than half of
            them). By default rows are those that look most like real ones, of which some lie there.
            Images are views of real ones then, and by default more varied: half of them redrawn by
            the networks.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw. By default it follows from the fit: the same call gives the same
            rows, which are not those that `fit_resample` returned. A larger sample of a class
            begins with the rows of a smaller one.

        Returns
        -------
        X : same container and dtypes as in `fit`, of shape (n_rows, n_features)
        y : same container and dtype as in `fit`, of shape (n_rows, ...)

        Raises
        ------
        DataError
            If a class is unknown, a number of rows isn't one, `random_state` is no seed, or a class
            can't be what `where` asks for; the message says how much of it there is.
        sklearn.exceptions.NotFittedError
            If the sampler is not fitted.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import make_classification
        >>> from ganaug import GANSampler
        >>> X, y = make_classification(n_samples=300, weights=[0.9], random_state=0)
        >>> sampler = GANSampler(n_steps=50, random_state=0).fit(X, y)
        >>> sampler.sample({0: 1, 1: 2})[1]
        array([0, 1, 1])
        >>> X_near, _ = sampler.sample(3, y=1, where={0: (-0.5, 0.5)})
        >>> bool(np.abs(X_near[:, 0]).max() <= 0.5)
        True
        """
        check_is_fitted(self, "generator_")
        codes = requests.check_sample_request(n_samples, y, self.classes_, self.sampling_strategy_)
        draw = self._sample_draw(set(codes.tolist()), where, for_training, random_state)
        return self._drawer.rows(codes, draw)

    @explaining_memory(LOWER_BATCH_ROWS, ON_DEVICE)
    def sample_batches(
        self,
        n_samples: int | Mapping[Any, int],
        y: Any = None,
        *,
        where: Mapping[Any, Any] | None = None,
        for_training: bool = False,
        batch_rows: int = 65_536,
        random_state: Any = None,
    ) -> Iterator[tuple[Any, Any]]:
        """Draw the rows of `sample` in batches, in memory that does not grow with their number.

        Parameters
        ----------
        n_samples : int or mapping
            How many rows; or class -> how many rows of it.
        y : label, default=None
            The class of all rows. By default an int is divided among classes as in `sample`.
        where : mapping, default=None
            What the rows must be, as in `sample`.
        for_training : bool, default=False
            Draw rows for classifiers to learn from, as in `sample`.
        batch_rows : int, default=65536
            Rows of each batch; the last one of a class may have fewer.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw, as in `sample`.

        Yields
        ------
        X : same container and dtypes as in `fit`, of shape (n_rows, n_features)
        y : same container and dtype as in `fit`, of shape (n_rows, ...)

        Raises
        ------
        DataError
            If a class is unknown, a number of rows isn't one, `random_state` is no seed, or a class
            can't be what `where` asks for; the message says how much of it there is.
        sklearn.exceptions.NotFittedError
            If the sampler is not fitted.

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from ganaug import GANSampler
        >>> X, y = make_classification(n_samples=300, weights=[0.9], random_state=0)
        >>> sampler = GANSampler(n_steps=50, random_state=0).fit(X, y)
        >>> [len(X_batch) for X_batch, _ in sampler.sample_batches(2500, batch_rows=1000)]
        [1000, 1000, 500]
        """
        check_is_fitted(self, "generator_")
        counts = requests.check_sample_counts(n_samples, y, self.classes_, self.sampling_strategy_)
        batch_rows = requests.check_batch_rows(batch_rows)
        wanted = {code for code, n in counts.items() if n}
        draw = self._sample_draw(wanted, where, for_training, random_state)
        batches = self._drawer.batches(counts, batch_rows, draw)
        return each_explained(batches, LOWER_BATCH_ROWS, ON_DEVICE)

    @explaining_memory("score fewer rows at a time", ON_DEVICE)
    def score_samples(self, X: Any, y: Any = None) -> NDArray[np.float64]:
        """Return how normal rows are: higher = more normal.

        The score is the discriminator's, trained against the generator, against rows moved by noise
        of many scales, and to say which class a row is of: how usual the row is, less how much less
        likely the class is than the likeliest one. It is measured on the training rows of the
        class: 0 is what 5% of them fall below, 1 more is one distance between their quartiles more.
        Each value of a kind that `fit` has not seen in its column takes 4 off: a new category, a
        missing value where none was missing, another value than the only one. Images are scored by
        their distance to the nearest training images among the discriminator's features, and with a
        discriminator of your own all rows are: among what its last layer is given.

        Parameters
        ----------
        X : {dataframe, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows with the columns of `fit`. Times of another time zone are converted to that of
            their column.
        y : label or array-like of shape (n_samples,), default=None
            The class that all rows are compared with, or that of each. By default the one that a
            row is most normal for: a low score then says that it is unlike every class.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        DataError
            If the columns are not those of `fit` (other names, numbers where there were categories,
            no time zone where there was one), or a label is unknown.
        sklearn.exceptions.NotFittedError
            If the sampler is not fitted.

        Notes
        -----
        A row's score does not depend on the rows beside it, to the last bit, unless layers of a
        discriminator of your own do.

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from ganaug import GANSampler
        >>> X, y = make_classification(n_samples=100, weights=[0.8], random_state=0)
        >>> sampler = GANSampler(n_steps=20, random_state=0).fit(X, y)
        >>> bool((sampler.score_samples(X + 10.0) < sampler.score_samples(X)).all())
        True
        >>> frequent = X[y == 0]
        >>> bool(sampler.score_samples(frequent, 1).mean() < sampler.score_samples(frequent).mean())
        True
        """
        check_is_fitted(self, "generator_")
        rows = validation.check_rows(X, images=True)
        self.encoder_.check_form(rows)
        validation.compare_columns(self, rows.native)
        codes = None if y is None else validation.check_labels(y, rows, self.classes_)
        columns = read_fitted_columns(rows, self.encoder_, self._row_builder)
        logits = self._gan.logits(self.encoder_.transform(columns))
        normality = less_unseen(self._score_scale.normality(logits), self.encoder_.unseen(columns))
        if codes is None:
            return normality.max(axis=1)
        return normality[np.arange(rows.n_rows), codes]

    def anomaly_score(self, X: Any, y: Any = None) -> NDArray[np.float64]:
        """Return how anomalous rows are, from 0 to 1: higher = more anomalous.

        0.5 is the score that 5% of the training rows of a class exceed. The opposite of
        `score_samples`.

        Parameters
        ----------
        X : {dataframe, array-like, sparse matrix} of shape (n_samples, n_features)
            Rows with the columns of `fit`.
        y : label or array-like of shape (n_samples,), default=None
            The class that all rows are compared with, or that of each; by default the one that a
            row suits best.

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
        >>> from sklearn.datasets import make_classification
        >>> from ganaug import GANSampler
        >>> X, y = make_classification(n_samples=300, weights=[0.9], random_state=0)
        >>> sampler = GANSampler(random_state=0).fit(X, y)
        >>> bool(sampler.anomaly_score(X + 10.0).min() > np.median(sampler.anomaly_score(X)))
        True
        """
        return to_anomaly(self.score_samples(X, y))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted sampler to a file that `ganaug.load` reads.

        The file is data (JSON and tensors in a zip): reading it runs no code, unlike unpickling.
        It holds the training rows, encoded: rows are generated next to them. An existing file is
        replaced in one step.

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
            If the sampler is not fitted.

        Examples
        --------
        >>> import ganaug
        >>> from sklearn.datasets import make_classification
        >>> X, y = make_classification(n_samples=300, weights=[0.9], random_state=0)
        >>> sampler = ganaug.GANSampler(n_steps=50, random_state=0).fit(X, y)
        >>> sampler.save("model.ganaug")
        >>> bool((ganaug.load("model.ganaug").sample(5)[0] == sampler.sample(5)[0]).all())
        True
        """
        from ganaug._persistence.models import save

        check_is_fitted(self, "generator_")
        save(self, path)

    # --- the way of a row ---------------------------------------------------------------------

    @explaining_memory("add fewer rows by sampling_strategy", "pass device='cpu'")
    def _fit_resample(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None
    ) -> tuple[Any, Any]:
        refuse_dataset(X)
        job = self._fit(X, y, sample_weight)
        codes = job.codes_to_add
        columns = self._drawer.columns(codes, Draw(self._seed, Stream.RESAMPLE, for_training=True))
        X_resampled = job.rows.extended(columns, self._row_builder)
        y_new = self._drawer.labels_of(codes)
        y_resampled = job.target.append(y_new, job.rows.index_of(X_resampled))
        n_rows = job.rows.n_rows
        self.synthetic_mask_ = np.arange(n_rows + len(codes)) >= n_rows
        return X_resampled, y_resampled

    @explaining_memory(
        "lower batch_size or hidden_layer_sizes, or fit fewer rows", "pass device='cpu'"
    )
    def _fit(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> TrainingJob:
        self._validate_params()
        checkpoint = self._open_checkpoint()
        seed, counts = self._choose_seed(checkpoint), None
        if is_dataset(X):
            check_dataset_request(y, sample_weight)
            part = extract(X, y, seed)
            X, y, sample_weight, counts = part.X, part.y, part.weights, part.counts
        job = self._check_input(X, y, sample_weight, counts, seed, checkpoint)
        columns = validation.read_columns(job.rows, self.categorical_features, X)
        if not isinstance(job.encoder, ImageEncoder):
            fit_warnings.warn_of_identifiers(columns)
        builder = job.rows.builder(columns)
        job.encoder.fit(columns, job.target.codes)
        gan = self._train(job, columns)
        self._keep(job, gan, builder)
        return job

    def _check_input(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        counts: dict[Any, int] | None,
        seed: int,
        checkpoint: Checkpoint | None,
    ) -> TrainingJob:
        """Check everything that can be wrong with the input before anything is done with it."""
        rows = validation.check_rows(X, images=True)
        form = find_form(self.image_shape, self.channels, rows)
        target = validation.check_target(y, rows)
        strategy = validation.check_strategy(self.sampling_strategy, target, counts)
        validation.check_class_counts(target)
        networks = self._own_networks()
        # networks of one's own were written for a width
        encoder = TableEncoder(adaptive=networks is None)
        return TrainingJob(
            rows=rows,
            target=target,
            strategy=strategy,
            weights=validation.check_sample_weight(sample_weight, target),
            encoder=encoder if form is None else ImageEncoder(form),
            own_networks=networks,
            config=self._config(self._auto(rows.n_rows, is_image=form is not None)),
            device=resolve_device(self.device),
            seed=seed,
            checkpoint=checkpoint,
        )

    def _open_checkpoint(self) -> Checkpoint | None:
        validation.check_checkpoint(self.checkpoint, self.resume)
        if self.checkpoint is None:
            return None
        return Checkpoint(self.checkpoint, resume=self.resume)

    def _choose_seed(self, checkpoint: Checkpoint | None) -> int:
        if self.random_state is None and checkpoint is not None and checkpoint.seed is not None:
            return checkpoint.seed
        return _draw_seed(self.random_state)

    def _train(self, job: TrainingJob, columns: list[Column]) -> GAN:
        n_checks = job.config.training.max_checks
        return train_gan(job, columns, TrainingTask(self, n_checks, verbose=self.verbose))

    def _keep(self, job: TrainingJob, gan: GAN, row_builder: RowBuilder) -> None:
        """Set what was fitted, all at once: a fit that fails leaves the sampler as it was."""
        fitted = FittedParts(
            classes=job.target.classes,
            strategy=job.strategy,
            encoder=job.encoder,
            gan=gan,
            seed=job.seed,
            row_builder=row_builder,
            label_prototypes=job.target.prototypes(),
            score_scale=ScoreScale.fit(*gan.training_logits(), len(job.target.classes)),
        )
        validation.remember_columns(self, job.rows.native)
        self.__dict__.pop("synthetic_mask_", None)  # it belonged to the table fitted before
        self._set(fitted)

    def _set(self, fitted: FittedParts) -> None:
        self.classes_ = fitted.classes
        self.sampling_strategy_ = fitted.strategy
        self.encoder_ = fitted.encoder
        self.generator_ = fitted.gan.generator
        self.discriminator_ = fitted.gan.discriminator
        self.history_ = fitted.gan.history
        self._gan = fitted.gan
        self._seed = fitted.seed
        self._row_builder = fitted.row_builder
        self._label_prototypes = fitted.label_prototypes
        self._score_scale = fitted.score_scale

    @property
    def _drawer(self) -> RowDrawer:
        return RowDrawer(
            self._gan, self.encoder_, self._row_builder, self._label_prototypes, self.classes_
        )

    def _sample_draw(
        self, codes: set[int], where: Any, for_training: Any, random_state: Any
    ) -> Draw:
        conditions = self._drawer.conditions(where, codes)
        seed = self._seed if random_state is None else _draw_seed(random_state)
        return Draw(seed, Stream.SAMPLE, conditions, requests.check_for_training(for_training))

    def _own_networks(self) -> tuple[Any, Any] | None:
        return validation.check_own_networks(self.generator, self.discriminator)

    def _auto(self, n_rows: int, *, is_image: bool) -> Auto:
        """Return what "auto" stands for: other networks are trained otherwise."""
        if self._own_networks() is not None:
            return OWN_AUTO
        if is_image:
            return IMAGE_AUTO
        return SMALL_TABLE_AUTO if n_rows <= SMALL_TABLE_ROWS else TABLE_AUTO

    def _config(self, auto: Auto) -> GANConfig:
        """Return the parameters as the GAN takes them."""
        return GANConfig(
            NetworkConfig(validation.check_layer_sizes(self.hidden_layer_sizes), self.latent_dim),
            BatchConfig(
                auto.batch_size if self.batch_size == "auto" else int(self.batch_size),
                self.n_neighbors,
            ),
            TrainingConfig(
                n_steps=auto.n_steps if self.n_steps == "auto" else int(self.n_steps),
                learning_rate=(
                    auto.learning_rate
                    if self.learning_rate == "auto"
                    else float(self.learning_rate)
                ),
                averaging_decay=auto.averaging_decay,
                penalty_interval=auto.penalty_interval,
                check_interval=int(self.check_interval),
                keeps_last=auto.keeps_last,
                gradient_penalty=self.gradient_penalty,
                loss=self.loss,
                betas=validation.check_betas(self.betas),
            ),
            SamplingConfig(self.anchored_share),
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.non_deterministic = self.random_state is None
        return tags


def _draw_seed(random_state: Any) -> int:
    return int(requests.check_seed(random_state).randint(np.iinfo(np.int32).max))
