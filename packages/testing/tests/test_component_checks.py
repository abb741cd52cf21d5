"""Tests that each check of a loss, metric, schedule or optimizer rejects a defect and accepts a correct component."""

import math

import keras
import pytest
import tensorflow as tf
from keras import ops

from tensorsmith.testing import (
    ConformanceError,
    Data,
    LossRow,
    MetricRow,
    OptimizerRow,
    ScheduleRow,
    checks_for,
    run_check,
)

register = keras.saving.register_keras_serializable("kit")


@register
class Loss(keras.losses.Loss):
    """Squared error, multiplied by a factor."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = float(factor)

    def call(self, y_true, y_pred):
        if tuple(y_true.shape) != tuple(y_pred.shape):
            raise ValueError(f"y_true must be {y_pred.shape}, got {y_true.shape}")
        return self.factor * ops.mean(ops.square(y_true - y_pred), axis=-1)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@register
class StatefulLoss(Loss):
    calls = 0

    def call(self, y_true, y_pred):
        self.calls += 1
        return self.calls * super().call(y_true, y_pred)


@register
class HalfLoss(Loss):
    def call(self, y_true, y_pred):
        error = ops.cast(y_true, "float16") - ops.cast(y_pred, "float16")
        return ops.cast(ops.mean(error * error * 1e5, axis=-1), "float32")


@register
class CoarseLoss(keras.losses.Loss):
    def __call__(self, y_true, y_pred, sample_weight=None):
        error = ops.cast(y_true, y_pred.dtype) - y_pred
        return ops.mean((error * error + 3000.0) - 3000.0)


@register
class FixedBatchLoss(Loss):
    def call(self, y_true, y_pred):
        return ops.reshape(super().call(y_true, y_pred), (4,))


@register
class StoppedLoss(Loss):
    def call(self, y_true, y_pred):
        return super().call(y_true, ops.stop_gradient(y_pred))


@register
class BroadcastingLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)


@register
class RoundingLoss(Loss):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(factor if isinstance(factor, float) else round(factor), **kwargs)


@register
class Metric(keras.metrics.Metric):
    """Mean absolute error, raised to a power."""

    def __init__(self, power=1.0, name="error", **kwargs):
        super().__init__(name=name, **kwargs)
        self.power = power
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        if tuple(y_true.shape) != tuple(y_pred.shape):
            raise ValueError(f"y_true must be {y_pred.shape}, got {y_true.shape}")
        errors = ops.abs(ops.cast(y_true, self.dtype) - ops.cast(y_pred, self.dtype)) ** self.power
        weights = ops.ones_like(errors)
        if sample_weight is not None:
            weights *= ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        self.total.assign_add(ops.sum(errors * weights))
        self.count.assign_add(ops.sum(weights))

    def result(self):
        return self.total / self.count

    def get_config(self):
        return {**super().get_config(), "power": self.power}


@register
class ForgetfulMetric(Metric):
    def get_config(self):
        return keras.metrics.Metric.get_config(self)


@register
class PythonMetric(keras.metrics.Metric):
    seen = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.seen = self.seen + ops.mean(ops.abs(y_true - y_pred))

    def result(self):
        return self.seen

    def reset_state(self):
        self.seen = 0.0


@register
class MeanOfMeans(Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.mean(ops.abs(y_true - y_pred)))
        self.count.assign_add(1.0)


@register
class BroadcastingMetric(Metric):
    def update_state(self, y_true, y_pred, sample_weight=1.0):
        errors, weights = ops.abs(y_true - y_pred), ops.expand_dims(sample_weight, -1)
        self.total.assign_add(ops.sum(errors * weights))
        self.count.assign_add(ops.sum(ops.ones_like(errors) * weights))


@register
class UnweightedMetric(Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred)


@register
class CoarseMetric(Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, (y_pred + 3000.0) - 3000.0)


@register
class FixedBatchMetric(Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(ops.reshape(y_true, (4, 5)), y_pred)


@register
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Exponential decay."""

    def __init__(self, rate=0.5):
        if not 0 < rate < 1:
            raise ValueError(f"rate must be a number in (0, 1)., got {rate!r}")
        self.rate = rate

    def __call__(self, step):
        return ops.power(self.rate, ops.cast(step, "float32"))

    def get_config(self):
        return {"rate": self.rate}


@register
class PythonSchedule(Schedule):
    def __call__(self, step):
        return math.pow(self.rate, int(step))


@register
class ForgetfulSchedule(Schedule):
    def get_config(self):
        return {}


@register
class PythonNumberSchedule(Schedule):
    def __init__(self, rate=0.5):
        if not isinstance(rate, float):
            raise ValueError(f"rate must be a float, got {rate!r}")
        super().__init__(rate)


@register
class PolicySchedule(Schedule):
    def __call__(self, step):
        return ops.cast(super().__call__(step), keras.config.dtype_policy().compute_dtype)


@register
class Optimizer(keras.optimizers.SGD):
    """Gradient descent."""


@register
class PythonOptimizer(keras.optimizers.SGD):
    calls = 0

    def update_step(self, gradient, variable, learning_rate):
        self.calls += 1
        super().update_step(gradient, variable, learning_rate / self.calls)


@register
class ForgetfulOptimizer(keras.optimizers.SGD):
    def get_config(self):
        return {name: value for name, value in super().get_config().items() if name != "momentum"}


def loss(make, **changes):
    return LossRow(make, **{"y_true": Data((5,)), "y_pred": Data((5,)), "bad": (), **changes})


def metric(make, **changes):
    return MetricRow(make, **{"y_true": Data((5,)), "y_pred": Data((5,)), "bad": (), **changes})


def schedule(make, **changes):
    return ScheduleRow(make, **{"kwargs": {"rate": 0.9}, "steps": (0, 1, 7), "bad": (), **changes})


def optimizer(make, **changes):
    return OptimizerRow(make, **{"kwargs": {"learning_rate": 0.1, "momentum": 0.5}, "bad": (), **changes})


LOSS = loss(Loss, kwargs={"factor": 2.0})
BROADCAST = [({}, ((4, 1), (4, 5)), "got (4, 1)")]
STRICT = loss(Loss, bad_shapes=BROADCAST)
METRIC = metric(Metric, kwargs={"power": 2.0})
SCHEDULE = schedule(Schedule, bad=[({"rate": 2.0}, "in (0, 1)")])
OPTIMIZER = optimizer(Optimizer)


@pytest.mark.parametrize(
    ("check", "broken", "message", "sound"),
    [
        ("config_round_trip", loss(keras.losses.Huber, kwargs={"delta": 2.0}), "has no 'delta'", LOSS),
        ("save_and_load", loss(keras.losses.Huber, kwargs={"delta": 0.2}), "Return every argument", LOSS),
        ("eager_equals_function", loss(StatefulLoss), "eager and tf.function differ", LOSS),
        ("mixed_float16", loss(HalfLoss, y_true=Data((5,), low=10.0, high=11.0)), "not finite", LOSS),
        ("mixed_float16", loss(CoarseLoss), "float32 and float16 differ", LOSS),
        ("mixed_bfloat16", loss(CoarseLoss), "float32 and bfloat16 differ", LOSS),
        ("unknown_batch_size", loss(FixedBatchLoss), "unknown batch size", LOSS),
        ("bad_shapes", loss(BroadcastingLoss, bad_shapes=BROADCAST), "did not raise", STRICT),
        ("bad_shapes", loss(Loss, bad_shapes=[({}, ((4,), (5,)), "for each")]), "lacks 'for each'", STRICT),
        ("mismatched_shapes", loss(BroadcastingLoss), "shapes [(4, 5), (1, 5)] did not raise", LOSS),
        ("numpy_scalars", loss(RoundingLoss, kwargs={"factor": 2.4}), "NumPy scalars as arguments differ", LOSS),
        ("gradients", loss(StoppedLoss), "gradient for y_pred", LOSS),
        ("config_round_trip", metric(ForgetfulMetric, kwargs={"power": 2.0}), "has no 'power'", METRIC),
        ("save_and_load", metric(ForgetfulMetric, kwargs={"power": 2.0}), "Return every argument", METRIC),
        ("eager_equals_function", metric(PythonMetric), "eager and tf.function differ", METRIC),
        ("batches_add_up", metric(MeanOfMeans), "divide in `result`", METRIC),
        ("mismatched_shapes", metric(BroadcastingMetric), "shapes [(4, 5), (1, 5)] did not raise", METRIC),
        ("sample_weight", metric(BroadcastingMetric), "with weights of shape (12, 1)", METRIC),
        ("sample_weight", metric(UnweightedMetric), "Multiply by `sample_weight`", METRIC),
        ("mixed_float16", metric(CoarseMetric, kwargs={"power": 2.0}), "float32 and float16 differ", METRIC),
        ("mixed_bfloat16", metric(CoarseMetric, kwargs={"power": 2.0}), "float32 and bfloat16 differ", METRIC),
        ("unknown_batch_size", metric(FixedBatchMetric), "unknown batch size", METRIC),
        (
            "eager_equals_function",
            schedule(PythonSchedule),
            "eager execution and `tf.function` give the same results",
            SCHEDULE,
        ),
        ("config_round_trip", schedule(ForgetfulSchedule), "has no 'rate'", SCHEDULE),
        ("save_and_load", schedule(ForgetfulSchedule), "Return every argument", SCHEDULE),
        ("numpy_scalars", schedule(PythonNumberSchedule), "ValueError: rate must be a float", SCHEDULE),
        ("mixed_float16", schedule(PolicySchedule), "float32 and mixed_float16", SCHEDULE),
        ("mixed_bfloat16", schedule(PolicySchedule), "float32 and mixed_bfloat16", SCHEDULE),
        ("eager_equals_function", optimizer(PythonOptimizer), "eager and tf.function differ", OPTIMIZER),
        ("config_round_trip", optimizer(ForgetfulOptimizer), "has no 'momentum'", OPTIMIZER),
        ("save_and_load", optimizer(ForgetfulOptimizer), "differ at", OPTIMIZER),
    ],
)
def test_check_detects_defect(check, broken, message, sound):
    with pytest.raises(ConformanceError, match=f"{broken.title} fails {check}") as failure:
        run_check(broken, check)
    assert message in str(failure.value)
    run_check(sound, check)


@pytest.mark.parametrize("sound", [LOSS, METRIC, SCHEDULE, OPTIMIZER], ids=lambda sound: sound.title)
def test_valid_components_pass(sound):
    for check in checks_for(sound):
        if check != "mirrored_strategy":
            run_check(sound, check)


def make(rate, wrong):
    """Raises `wrong`, if there is one, for a negative rate."""
    if rate < 0 and wrong:
        raise wrong
    return Schedule()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "did not raise"),
        (TypeError("rate must be more, got -1"), "TypeError"),
        (ValueError("expected another value than -1"), "which lacks 'rate'"),
        (ValueError("rate is bad, expected a better one"), "does not show the value"),
        (ValueError("rate is -1"), "does not say what is expected"),
    ],
)
def test_accepted_bad_arguments(wrong, message):
    row = ScheduleRow(make, kwargs={"rate": 0.5, "wrong": wrong}, steps=(0,), bad=[({"rate": -1}, "rate")])
    with pytest.raises(ConformanceError, match=r"make fails bad_arguments") as failure:
        run_check(row, "bad_arguments")
    assert message in str(failure.value)


def test_error_names_argument():
    row = ScheduleRow(Schedule, steps=(0,), bad=[({"rate": -1}, "must be")])
    run_check(row, "bad_arguments")
    misnamed = ScheduleRow(lambda share: Schedule(share), name="misnamed", steps=(0,), bad=[({"share": -1}, "must be")])
    with pytest.raises(ConformanceError, match="names none of the arguments"):
        run_check(misnamed, "bad_arguments")


def test_unknown_check():
    with pytest.raises(ValueError, match="Did you mean save_and_load"):
        run_check(LOSS, "save_and_lod")
    assert "jit" not in checks_for(LOSS)


def test_replicas_require_two_cpus():
    assert len(tf.config.list_logical_devices("CPU")) == 1
    with pytest.raises(ConformanceError, match="TensorFlow has started with one logical CPU"):
        run_check(LOSS, "mirrored_strategy")
