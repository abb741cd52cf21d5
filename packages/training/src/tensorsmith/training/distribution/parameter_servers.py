"""Training with parameter servers: a coordinating process (chief) sends each batch to an idle worker."""

import itertools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tensorsmith.core.types import Dataset, Logs, NestedArrays, NestedTensors
from tensorsmith.training._support.model_layers import keras_variables, metrics_variables, results_of
from tensorsmith.training.loop.compiled_step import Step, Tracing


class Aside(keras.StatelessScope):
    """Keras scope in which some variables are replaced by tensors with their own values.

    Args:
        state: List of pairs of a variable and the tensor that is used as its value within the scope.
        others: Dict that maps the `id` of a Keras variable to its TensorFlow variable. If a Keras variable is not in
            `state`, values are assigned to its TensorFlow variable.
    """

    def __init__(self, state: list[tuple[keras.Variable, tf.Tensor]], others: dict[int, tf.Variable]) -> None:
        super().__init__(state, collect_losses=True)
        self._others = others

    def add_update(self, update: tuple[keras.Variable, tf.Tensor]) -> None:
        """Assigns a value to a variable. Keras calls this method for each assignment."""
        variable, value = update
        if self.get_current_value(variable) is None:
            self._others[id(variable)].assign(value)
        else:
            super().add_update(update)


class WorkerStep:
    """Training step with parameter servers, which is executed by an idle worker on a batch of its own.

    In asynchronous training, weights change while a step reads them. Step counts and metrics must still be correct.
    Workers therefore increment integer variables, which Keras would read and write, and return the contribution of
    their batch to the metrics. It is added only when the batch is done, since the batch of a worker that dies is
    reassigned.

    Args:
        step: Function that performs a training or evaluation step for a batch.
        spec: Nested structure of `tf.TypeSpec` objects that describes the batches, as in the `element_spec` of a
            `tf.data.Dataset`.
        owner: Object whose attributes hold the variables that the step updates.
        model: Model that the step uses. Its metrics are aggregated over all batches, and other logs are averaged.
        tracing: Function that returns the context manager in which the step is traced.
    """

    def __init__(self, step: Step, spec: tuple[Any, ...], owner: object, model: keras.Model, tracing: Tracing) -> None:
        self._step = step
        self._model = model
        self._tracing = tracing
        self._run(step).get_concrete_function(spec)  # creates variables that Keras creates lazily
        self._coordinator = tf.distribute.coordinator.ClusterCoordinator(model.distribute_strategy)
        self._metrics = metrics_variables(owner)
        metrics = {id(variable) for variable in self._metrics}
        others = [variable for variable in keras_variables(owner) if id(variable) not in metrics]
        self._counters = [variable for variable in others if variable.dtype in ("int32", "int64")]
        self._others = {id(variable): variable.value for variable in others}
        self._on_worker = self._run(self._apart)

    def over_arrays(
        self, arrays: tuple[Any, ...], order: tf.Tensor, start: tf.Tensor, steps: tf.Tensor
    ) -> tuple[int, Logs]:
        """Runs training steps on the workers. The batches are gathered from arrays."""
        batches = order[int(start) : int(start) + int(steps)]
        return self._over(tf.nest.map_structure(partial(tf.gather, indices=rows), arrays) for rows in batches)

    def over_stream(self, iterator: tf.data.Iterator, steps: tf.Tensor) -> tuple[int, Logs]:
        """Runs training steps on the workers. The batches are read from an iterator, which may end early."""
        return self._over(itertools.islice(iterator, int(steps)))

    def _run(self, step: Callable[[NestedTensors], Any]) -> Any:
        @tf.function(autograph=False)
        def run(batch: NestedTensors) -> Any:
            with self._tracing():
                return self._model.distribute_strategy.run(step, (batch,))

        return run

    def _over(self, batches: Iterable[Any]) -> tuple[int, Logs]:
        scheduled = [self._coordinator.schedule(self._on_worker, (batch,)) for batch in batches]
        self._coordinator.join()
        done = [each.fetch() for each in scheduled]
        if not done:
            return 0, {}
        for variable, *added in zip(self._metrics, *(added for _, added in done), strict=True):
            variable.assign_add(tf.add_n(added))
        means = {name: tf.reduce_mean([tf.cast(each[name], tf.float32) for each, _ in done], 0) for name in done[0][0]}
        results = results_of(self._model, self._written)
        return len(done), {name: results.get(name, mean) for name, mean in means.items()}

    def _apart(self, batch: NestedTensors) -> tuple[Logs, list[tf.Tensor]]:
        """Runs a step on separate copies of metric variables, and returns the logs and the increments."""
        counted = [tf.identity(variable.value) for variable in self._counters]
        zeros = [tf.zeros(variable.shape, variable.dtype) for variable in self._metrics]
        state = [*zip(self._counters, counted, strict=True), *zip(self._metrics, zeros, strict=True)]
        with Aside(state, self._others) as scope:
            began = [scope.get_current_value(variable) for variable in self._metrics]
            logs = self._step(batch)
        added = [scope.get_current_value(variable) for variable in self._metrics]
        triples = zip(self._metrics, began, added, strict=True)
        self._written = [variable for variable, before, after in triples if before is not after]
        for variable, value in zip(self._counters, counted, strict=True):
            variable.value.assign_add(scope.get_current_value(variable) - value)
        return logs, added


def predict(model: keras.Model, x: NestedArrays | Dataset, batch_size: int) -> NestedArrays:
    """Returns the predictions for arrays or a dataset, computed by the coordinating process."""
    batches = x if isinstance(x, tf.data.Dataset) else tf.data.Dataset.from_tensor_slices((x,)).batch(batch_size)
    call = tf.function(partial(model, training=False), autograph=False)
    outputs = [call(keras.utils.unpack_x_y_sample_weight(batch)[0]) for batch in batches]
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *outputs)
