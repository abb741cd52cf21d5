"""A trace of some steps, for TensorBoard."""

import logging
import os
import sys

import keras
import tensorflow as tf

from tensorsmith.core import Verbatim, argument_error, check
from tensorsmith.core.types import Logs

log = logging.getLogger("tensorsmith.training")


class Profile(keras.callbacks.Callback):
    """Records what TensorFlow does in some steps, once the loop is compiled and warm.

    The steps stay in one compiled loop, as they are without it. `tensorboard --logdir FOLDER` shows the trace, with its
    profile plugin (`pip install xprof`), where time goes: operations, kernels, waiting for data.

    Args:
        folder: Where to write, as `plugins/profile/TIME/HOST.xplane.pb`.
        after: Steps before it begins.
        steps: Steps to record; a trace grows with them.

    Raises:
        ValueError: `after` or `steps` is out of range; in training, when it begins and another profile is being taken.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import keras, numpy as np
        >>> from tensorsmith.training import Profile, Trainer
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> folder, x = tempfile.mkdtemp(), np.ones((640, 1))
        >>> history = Trainer(model, "sgd", "mse").fit(x, x, callbacks=[Profile(folder, 5, 5)], verbose=False)
        >>> [path.suffix for path in Path(folder).glob("plugins/profile/*/*")]
        ['.pb']
    """

    def __init__(self, folder: str | os.PathLike[str], after: int = 20, steps: int = 20) -> None:
        super().__init__()
        check(isinstance(after, int) and after >= 1, "after", after, "1 or more, as the first step holds compilation")
        check(isinstance(steps, int) and steps >= 1, "steps", steps, "1 or more")
        self._folder = str(folder)
        self._first = after
        self._last = after + steps
        self._step = self._batch = 0
        self._running = False

    def steps_left(self) -> int:
        """Steps until it begins or ends; the Trainer returns to Python then."""
        return next((at - self._step for at in (self._first, self._last) if at > self._step), sys.maxsize)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Starts counting: the steps of this process, which has to get warm, also where a run is resumed."""
        self._step = 0

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Notes where a window of steps begins."""
        self._batch = batch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Begins or ends, if it is time."""
        before, self._step = self._step, self._step + batch + 1 - self._batch
        if before < self._first <= self._step < self._last:
            self._begin()
        elif self._step >= self._last:
            self.close()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Ends, and says where a run was too short."""
        self.close()
        if self._step <= self._first:
            log.warning("no profile of a run of %d steps: it begins after %d", self._step, self._first)

    def close(self) -> None:
        """Writes what there is so far, also when training broke off."""
        if self._running:
            self._running = False
            tf.profiler.experimental.stop()
            log.info("profile of steps %d to %d in %s", self._first + 1, self._step, self._folder)

    def _begin(self) -> None:
        try:
            tf.profiler.experimental.start(self._folder)
        except tf.errors.AlreadyExistsError as error:
            received, remedy = Verbatim("another profile being taken"), "stop it, as TensorBoard's `profile_batch`"
            raise argument_error("callbacks", received, "one profile at a time", remedy) from error
        self._running = True
