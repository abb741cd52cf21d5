"""Scores on training data as the model has them in inference."""

from typing import TYPE_CHECKING, Any

from tensorsmith.core import Duration, check
from tensorsmith.core.types import Dataset, NestedArrays
from tensorsmith.training._support.model_layers import metrics_variables
from tensorsmith.training.callbacks.every import Every, Moment
from tensorsmith.training.fit.state import restore, snapshot

if TYPE_CHECKING:
    from tensorsmith.training.trainer import Trainer


class CleanScores(Every):
    """Evaluates training data at the end of epochs and logs the scores as `clean_loss` and so on.

    The training loss that an epoch reports is no match for the validation loss: dropout was on, and it is the mean over
    steps whose weights were worse. The clean loss differs from the validation loss in the data only, so that the
    distance between the two is overfitting. Weights, seeds, metrics and what a checkpoint brings back are as they would
    be without it.

    Args:
        trainer: The one that trains; its `test_step` counts.
        x: Features, or a batched tf.data.Dataset with all of it: the training data, or a sample of it, which is faster.
        y: Targets; None with a dataset.
        sample_weight: One weight per example.
        batch_size: Examples per step.
        every: Time between two evaluations, in epochs.

    Raises:
        ValueError: `every` is not a number of whole epochs, or the data cannot be evaluated on.

    Example:
        >>> import keras, numpy as np
        >>> from tensorsmith.training import CleanScores, Trainer
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
        >>> trainer = Trainer(model, keras.optimizers.SGD(0.01), "mse")
        >>> x = np.ones((64, 1))
        >>> history = trainer.fit(x, x, epochs=2, callbacks=[CleanScores(trainer, x, x)], verbose=False)
        >>> len(history.history["clean_loss"])
        2
    """

    def __init__(
        self,
        trainer: "Trainer",
        x: NestedArrays | Dataset,
        y: NestedArrays | None = None,
        *,
        sample_weight: NestedArrays | None = None,
        batch_size: int = 32,
        every: str | Duration = "1 epoch",
    ) -> None:
        duration = Duration.parse(every, "every")
        fits = duration.unit == "epochs" and duration.value == int(duration.value)
        check(fits, "every", every, 'whole epochs, such as "5 epochs"')
        super().__init__(duration, self._score)
        self._trainer = trainer
        self._data: dict[str, Any] = {"x": x, "y": y, "sample_weight": sample_weight, "batch_size": batch_size}

    def _score(self, moment: Moment) -> None:
        state = [*self._trainer.model.non_trainable_variables, *metrics_variables(self._trainer)]
        variables = list({id(each): each.value for each in state}.values())
        before = snapshot(variables)
        scores = self._trainer.evaluate(**self._data)
        restore(variables, before)
        moment.logs.update({f"clean_{name}": score for name, score in scores.items()})
