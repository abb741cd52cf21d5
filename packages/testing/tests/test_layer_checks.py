"""Tests that each check of a layer rejects a layer with the defect and accepts a correct one."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tensorsmith.testing import ConformanceError, Data, LayerRow, checks_for, run_check

register = keras.saving.register_keras_serializable("kit")


@register
class Sound(keras.layers.Layer):
    """Layer that scales its inputs by a factor and by a weight for each feature."""

    def __init__(self, factor=1.0, **kwargs):
        if factor <= 0:
            raise ValueError(f"factor must be a positive number., got {factor!r}")
        super().__init__(**kwargs)
        self.factor = float(factor)
        self.supports_masking = True

    def build(self, shape):
        self.scale = self.add_weight(name="scale", shape=shape[-1:], initializer="ones")

    def call(self, x):
        return self.factor * self.scale * ops.cast(x, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@register
class SoundSum(keras.layers.Layer):
    """Layer that sums over the unmasked time steps."""

    def compute_mask(self, inputs, previous_mask):
        return None

    def call(self, x, mask=None):
        x = ops.cast(x, self.compute_dtype)
        return ops.sum(x if mask is None else x * ops.cast(ops.expand_dims(mask, -1), x.dtype), axis=1)


@register
class SoundNoise(keras.layers.Layer):
    """Layer that adds noise from a seeded generator."""

    def __init__(self, seed, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed if seed is None else int(seed)
        self.generator = keras.random.SeedGenerator(self.seed)

    def call(self, x):
        x = ops.cast(x, self.compute_dtype)
        return x + keras.random.normal(ops.shape(x), dtype=x.dtype, seed=self.generator)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@register
class LouderInHalf(SoundNoise):
    def call(self, x):
        return super().call(x) if x.dtype == "float32" else 1.5 * super().call(x)


@register
class ForgetsFactor(Sound):
    def get_config(self):
        return keras.layers.Layer.get_config(self)


@register
class ChangesFactor(Sound):
    def get_config(self):
        return {**super().get_config(), "factor": 2 * self.factor}


@register
class PromotesFactor(Sound):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return ops.multiply(x, self.factor)


@register
class KeepsIntegers(keras.layers.Layer):
    def call(self, x):
        return ops.sum(x, axis=1)


@register
class PythonNoise(keras.layers.Layer):
    def call(self, x):
        return x + float(np.random.default_rng().normal())


@register
class PythonState(keras.layers.Layer):
    calls = 0

    def call(self, x):
        self.calls += 1
        return x * self.calls


@register
class IntegerInGraph(SoundSum):
    """Layer that fails in graphs if it has both an option and a mask."""

    def __init__(self, zeros=False, **kwargs):
        super().__init__(**kwargs)
        self.zeros = zeros

    def call(self, x, mask=None):
        return x if mask is None else tf.where(~mask[..., tf.newaxis], 0 if self.zeros else ops.mean(x), x)


@register
class RaisesAlways(Sound):
    def call(self, x):
        raise ValueError("no input is valid")


@register
class UntrackedWeight(keras.layers.Layer):
    def build(self, shape):
        self.offset = np.random.default_rng().normal(size=shape[-1:]).astype("float32")

    def call(self, x):
        return x + ops.cast(self.offset, x.dtype)


@register
class FixedBatch(keras.layers.Layer):
    def call(self, x):
        return ops.reshape(x, (4, 6, 2, -1))


@register
class StaticBatch(keras.layers.Layer):
    def build(self, shape):
        self.batch = shape[0]

    def call(self, x):
        return ops.broadcast_to(ops.mean(x, axis=0, keepdims=True), (self.batch, 6, 4))


@register
class FixedTime(keras.layers.Layer):
    def call(self, x):
        return ops.reshape(x, (-1, 24))


@register
class Float32Constant(keras.layers.Layer):
    def call(self, x):
        return tf.cast(x, "float32") * tf.constant(0.5)


@register
class TinyEpsilon(keras.layers.Layer):
    def call(self, x):
        return x / (ops.abs(x) + 1e-9)


@register
class Cancels(keras.layers.Layer):
    def call(self, x):
        return (x + 300.0) - 300.0


@register
class WrongGradient(keras.layers.Layer):
    def call(self, x):
        @tf.custom_gradient
        def square(x):
            return x * x, lambda upstream: upstream * x

        return square(x)


@register
class NoGradient(Sound):
    def call(self, x):
        return x * ops.stop_gradient(self.scale)


@register
class DropsMask(keras.layers.Layer):
    def call(self, x):
        return x + 0

    def compute_mask(self, inputs, previous_mask):
        return None


@register
class InvertsMask(keras.layers.Layer):
    def call(self, x):
        return x + 0

    def compute_mask(self, inputs, previous_mask):
        return None if previous_mask is None else ops.logical_not(previous_mask)


@register
class IgnoresMask(keras.layers.Layer):
    def call(self, x, mask=None):
        return ops.sum(x, axis=1)


@register
class NeedsPython(keras.layers.Layer):
    def call(self, x):
        y = tf.numpy_function(lambda value: value, [x], x.dtype)
        y.set_shape(x.shape)
        return y


@register
class HandsOutItsWeight(Sound):
    def call(self, x):
        return super().call(x), ops.convert_to_tensor(self.scale)


@register
class NamedInputs(Sound):
    """Layer whose inputs are no positional arguments."""

    def call(self, unused=None, x=None):
        return super().call(x)


def row(make, **changes):
    return LayerRow(make, **{"inputs": Data((6, 4)), "bad": (), **changes})


SOUND = row(Sound, kwargs={"factor": 2.0}, time_axis=1, passes_mask=True, bad=[({"factor": 0.0}, "a positive number")])
NOISE = row(SoundNoise, kwargs={"seed": 3}, random=True, time_axis=1)
SUM = row(SoundSum, time_axis=1, uses_mask=True)
SHARED = row(HandsOutItsWeight, shared_outputs=[1])
NAMED = row(NamedInputs, kwargs={"factor": 2.0}, time_axis=1, call=lambda layer, x, **options: layer(x=x, **options))


@pytest.mark.parametrize(
    ("check", "broken", "message", "sound"),
    [
        ("config_round_trip", row(ForgetsFactor, kwargs={"factor": 2.0}), "has no 'factor'", SOUND),
        ("config_round_trip", row(ChangesFactor, kwargs={"factor": 2.0}), "has factor=4.0, made with", SOUND),
        ("config_round_trip", row(lambda: ForgetsFactor(2.0), name="made"), "Return every argument", SOUND),
        ("numpy_scalars", row(PromotesFactor, kwargs={"factor": 2.0}), "bfloat16 and float32", SOUND),
        ("integer_inputs", row(KeepsIntegers), "float32 and int32", NOISE),
        ("eager_equals_function", row(PythonNoise), "SeedGenerator", NOISE),
        ("eager_equals_function", row(PythonState), "keep state in variables", SOUND),
        ("combinations", row(IntegerInGraph), "SelectV2", SUM),
        ("combinations", row(RaisesAlways), "all 2 combinations of arguments raise errors", SOUND),
        ("save_and_load", row(ForgetsFactor, kwargs={"factor": 2.0}), "Return every argument", SOUND),
        ("save_and_load", row(UntrackedWeight), "create every weight in", SOUND),
        ("save_and_load", row(SoundNoise, kwargs={"seed": None}, random=True), "differ at call", NOISE),
        ("mixed_float16", row(Float32Constant), "the output is float32", SOUND),
        ("mixed_float16", row(Float32Constant, kwargs={"dtype": "float64"}), "expected float16 or float64", SOUND),
        ("mixed_float16", row(TinyEpsilon), "mixed_float16 on zeros: call, call 1, output 0 is not finite", SOUND),
        ("mixed_float16", row(LouderInHalf, kwargs={"seed": 3}, random=True), "the mean square over 100 calls", NOISE),
        ("mixed_bfloat16", row(Float32Constant), "expected bfloat16", NOISE),
        ("mixed_bfloat16", row(Cancels), "float32 and mixed_bfloat16 differ", SOUND),
        ("unknown_batch_size", row(FixedBatch), "batch size", SOUND),
        ("unknown_batch_size", row(StaticBatch), "keras.ops.shape", NOISE),
        ("unknown_batch_size", row(HandsOutItsWeight), "batch size", SHARED),
        ("unknown_time_size", row(FixedTime, time_axis=1), "sequences of any length", SOUND),
        ("gradients", row(WrongGradient), "gradient for input 0", SOUND),
        ("gradients", row(NoGradient), "finite differences find", NOISE),
        ("jit", row(NeedsPython), "XLA and eager execution give the same values", SOUND),
        ("savedmodel_export", row(NeedsPython), "without the code of its layers", SOUND),
        ("savedmodel_export", row(PythonState), "NumPy or Python state", NOISE),
        ("mask_passed", row(DropsMask, passes_mask=True), "drops the mask", SOUND),
        ("mask_passed", row(InvertsMask, passes_mask=True), "its output has the mask", SOUND),
        ("mask_used", row(IgnoresMask, uses_mask=True), "masked time steps change the output", SUM),
        ("mask_used", row(Sound, uses_mask=True), "the check proves nothing", SUM),
    ],
)
def test_check_detects_defect(check, broken, message, sound):
    with pytest.raises(ConformanceError, match=f"{broken.title} fails {check}") as failure:
        run_check(broken, check)
    assert message in str(failure.value)
    run_check(sound, check)


@pytest.mark.parametrize(
    "sound", [SOUND, NOISE, SUM, pytest.param(NAMED, marks=pytest.mark.slow)], ids=lambda sound: sound.title
)
def test_valid_layers_pass(sound):
    for check in checks_for(sound):
        if check != "mirrored_strategy":
            run_check(sound, check)


def test_numbers_of_functions_are_not_converted():
    assert "numpy_scalars" in checks_for(NOISE)
    assert "numpy_scalars" not in checks_for(row(lambda seed: SoundNoise(seed), kwargs={"seed": 3}, name="made"))


def test_straight_through_skips_gradient_check():
    common = {"inputs": Data((5,)), "bad": ()}
    asked, spared = (set(checks_for(LayerRow(keras.layers.ReLU, straight_through=s, **common))) for s in (False, True))
    assert asked - spared == {"gradients"}
