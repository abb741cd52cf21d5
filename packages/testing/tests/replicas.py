"""Rows for test_plugin.py: components that are wrong on two replicas, and correct ones. Loaded as a table."""

import keras
import tensorflow as tf
from keras import ops

from tensorsmith.testing import Data, LayerRow, LossRow, MetricRow, OptimizerRow, ScheduleRow


def replica():
    """Returns the index of the replica that is being traced."""
    context = tf.distribute.get_replica_context()
    return ops.cast(context.replica_id_in_sync_group if context else 0, "float32")


class UnevenLayer(keras.layers.Layer):
    def call(self, x):
        return x * (1.0 + replica())


class UnevenGradient(keras.layers.Dense):
    def call(self, x):
        y = super().call(x)
        return y + replica() * (ops.stop_gradient(y) - y)


class UnevenLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1) * replica()


class UnevenMetric(keras.metrics.MeanAbsoluteError):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred + replica(), sample_weight)


class UnevenSchedule(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return ops.cast(step, "float32") + replica()

    def get_config(self):
        return {}


class AveragingOptimizer(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient / tf.distribute.get_strategy().num_replicas_in_sync, variable, learning_rate)


HOW = {"y_true": Data((5,)), "y_pred": Data((5,)), "bad": ()}
DECAY = {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}
ROWS = [
    LayerRow(UnevenLayer, inputs=Data((3,))),
    LayerRow(UnevenGradient, kwargs={"units": 2}, inputs=Data((3,))),
    LayerRow(keras.layers.Dense, kwargs={"units": 2}, inputs=Data((3,))),
    LayerRow(keras.layers.BatchNormalization, inputs=Data((3,))),
    LayerRow(keras.layers.Dropout, kwargs={"rate": 0.5, "seed": 1}, inputs=Data((3,)), random=True),
    LossRow(UnevenLoss, **HOW),
    LossRow(keras.losses.MeanSquaredError, **HOW),
    LossRow(keras.losses.MeanSquaredError, kwargs={"reduction": None}, name="unreduced", **HOW),
    MetricRow(UnevenMetric, **HOW),
    MetricRow(keras.metrics.MeanAbsoluteError, **HOW),
    ScheduleRow(UnevenSchedule, steps=(0, 5)),
    ScheduleRow(keras.optimizers.schedules.ExponentialDecay, kwargs=DECAY, steps=(0, 5)),
    OptimizerRow(AveragingOptimizer),
    OptimizerRow(keras.optimizers.Adam),
]
