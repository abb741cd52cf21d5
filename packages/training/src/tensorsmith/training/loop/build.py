"""Early creation of variables, which avoids a second trace of a tf.function that would create them."""

from typing import Any

import keras

from tensorsmith.training.fit.state import restore, snapshot


def build_late_parts(model: keras.Model, batch: tuple[Any, ...]) -> None:
    """Builds a model with its optimizer and metrics from an example, leaving the values of variables unchanged.

    This applies to the steps of Keras. Custom steps decide themselves what to build.
    """
    example = keras.tree.map_structure(lambda values: values[:1], batch)
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(example)
    variables = [variable.value for variable in model.variables]
    before = snapshot(variables)
    y_pred = model(x, training=False)
    if not model.optimizer.built:  # not all Keras optimizers can be built twice
        model.optimizer.build(model.trainable_variables)
    model.compute_metrics(x, y, y_pred, sample_weight)
    model.reset_metrics()
    restore(variables, before)
