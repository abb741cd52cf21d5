"""Making what Keras makes late before a step is traced: tf.function traces twice when variables come up under way."""

from typing import Any

import keras

from tensorsmith.training.fit.state import restore, snapshot


def build_late_parts(model: keras.Model, batch: tuple[Any, ...]) -> None:
    """Builds a model, its optimizer and its metrics from one example and leaves values and seeds as they were.

    Steps of one's own decide for themselves what to build; this is for Keras' own.
    """
    example = keras.tree.map_structure(lambda values: values[:1], batch)
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(example)
    variables = [variable.value for variable in model.variables]
    before = snapshot(variables)
    y_pred = model(x, training=False)
    if not model.optimizer.built:  # not every optimizer of Keras takes a second time
        model.optimizer.build(model.trainable_variables)
    model.compute_metrics(x, y, y_pred, sample_weight)
    model.reset_metrics()
    restore(variables, before)
