"""Progress: scikit-learn's callback protocol where it exists (1.9 and later), and a plain bar."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

if TYPE_CHECKING:
    from ganaug._gan.training import Check
    from ganaug.sampler import GANSampler

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand-in: this scikit-learn has no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Return the method as it is."""
        return method


class TrainingTask:
    """The training of a sampler, as a task that callbacks and a progress bar can watch.

    Parameters
    ----------
    estimator : GANSampler
    max_checks : int
        How many reports there will be at most.
    verbose : int or bool
        Whether to show a bar.
    """

    def __init__(self, estimator: GANSampler, max_checks: int, *, verbose: int | bool) -> None:
        self._estimator = estimator
        self._bar = tqdm(total=max_checks, desc="GANSampler", unit="check", disable=not verbose)
        self._last_step = 0
        self._context = None
        if hasattr(estimator, "_init_callback_context"):
            self._context = estimator._init_callback_context(max_subtasks=max_checks)

    def __enter__(self) -> TrainingTask:
        if self._context is not None:
            self._context.call_on_fit_task_begin(estimator=self._estimator)
        return self

    def report(self, check: Check) -> bool:
        """Tell that a check was made; return whether a callback asks to stop."""
        # after a return to the best state checks are made again
        is_new = check.step > self._last_step
        self._last_step = max(check.step, self._last_step)
        self._bar.update(int(is_new))
        self._bar.set_postfix(step=check.step, quality=f"{check.quality:.3f}")
        callback = self._estimator.callback
        stops = callback is not None and bool(callback(check))
        if self._context is None or not is_new:
            return stops
        task = self._context.subcontext(task_name="check")
        names = ("step", "quality", "discriminator_loss", "generator_loss")
        metadata = {name: getattr(check, name) for name in names}
        task.call_on_fit_task_begin(estimator=self._estimator, metadata=metadata)
        return task.call_on_fit_task_end(estimator=self._estimator, metadata=metadata) or stops

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
        if self._context is not None and error is None:
            self._context.call_on_fit_task_end(estimator=self._estimator)
