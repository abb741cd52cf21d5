"""Callback that evaluates the training data in inference mode."""

from typing import TYPE_CHECKING, Any

from tensorsmith.core import Duration, check
from tensorsmith.core.types import Dataset, NestedArrays
from tensorsmith.training._support.model_layers import metrics_variables, recurrent_states
from tensorsmith.training.callbacks.every import Every, Moment
from tensorsmith.training.fit.state import restore, snapshot

if TYPE_CHECKING:
    from tensorsmith.training.trainer import Trainer


class CleanScores(Every):
    """Evaluates the model on training data at the end of epochs, and logs results such as `clean_loss`.

    The training loss of an epoch is not comparable with the validation loss: it is computed with dropout, and averaged
        over steps with earlier weights. The clean loss differs from the validation loss only in the data, so that the
        gap between the two measures overfitting. Weights, seeds, metrics and the state restored from a checkpoint are
        not affected.

    Args:
        trainer: Trainer whose `test_step` computes the scores.
        x: Training data, or a subset of the training data for faster evaluation: arrays, or a batched `tf.data.Dataset`
            that also contains targets and sample weights.
        y: Target data. Must be `None` if `x` is a dataset.
        sample_weight: Sample weights of shape `(examples,)`.
        batch_size: Number of examples per step.
        every: Interval between evaluations, in epochs, such as "5 epochs".

    Raises:
        ValueError: If `every` is not an integer number of epochs, or if the data cannot be used for evaluation.

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
        check(fits, "every", every, 'an integer number of epochs, such as "5 epochs"')
        super().__init__(duration, self._score)
        self._trainer = trainer
        self._data: dict[str, Any] = {"x": x, "y": y, "sample_weight": sample_weight, "batch_size": batch_size}

    def _score(self, moment: Moment) -> None:
        model = self._trainer.model
        state = [*model.non_trainable_variables, *recurrent_states(model), *metrics_variables(self._trainer)]
        variables = list({id(each): each.value for each in state}.values())
        before = snapshot(variables)
        scores = self._trainer.evaluate(**self._data)
        restore(variables, before)
        moment.logs.update({f"clean_{name}": score for name, score in scores.items()})
