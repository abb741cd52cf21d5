"""Tests that `MonteCarlo` behaves like the wrapped layer, except for its dropout, in calls, layers and files."""

import keras
import numpy as np
import pytest

from tensorsmith.layers import MonteCarlo, to_monte_carlo

pytestmark = pytest.mark.pairwise

RNG = np.random.default_rng(0)


@keras.saving.register_keras_serializable()
class Builds(keras.layers.Layer):
    """Layer that creates and builds an inner layer, as Keras requires of custom layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.held = MonteCarlo(keras.layers.LSTM(3))

    def build(self, input_shape):
        self.held.build(input_shape)

    def call(self, inputs):
        return self.held(inputs)


def test_attention_with_keyword_arguments():
    """Options are passed along with tensors.

    At the first step of a causal mask, each of the two heads has a single weight to drop.
    """
    x = keras.Input((5, 4))
    attention = keras.layers.MultiHeadAttention(2, 4, dropout=0.5, use_bias=False, seed=1)
    model = keras.Model(x, attention(query=x, value=x, use_causal_mask=True))
    data = np.repeat(RNG.normal(size=(1, 5, 4)).astype("float32"), 1000, 0)
    wrapped = MonteCarlo(attention)(query=data, value=data, use_causal_mask=True)
    for drawn in (to_monte_carlo(model)(data), wrapped):
        both = (np.array(drawn)[:, 0] == 0).all(axis=-1)
        assert abs(both.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 1000)


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("outer", ["TimeDistributed", "Builds"])
def test_building_and_saving_in_other_layers(outer, called, tmp_path):
    timed = outer == "TimeDistributed"
    shape = (2, 3, 5, 4) if timed else (2, 5, 4)
    x = RNG.normal(size=shape).astype("float32")
    layer = keras.layers.TimeDistributed(MonteCarlo(keras.layers.LSTM(3))) if timed else Builds()
    if called:
        layer(x)
    else:
        layer.build(shape)
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(4, 12), (3, 12), (12,)]
    model = keras.Sequential([keras.Input(shape[1:]), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))


def test_building_attention(tmp_path):
    layer, x = MonteCarlo(keras.layers.MultiHeadAttention(2, 4)), np.ones((1, 3, 4), "float32")
    layer.build((None, 3, 4), (None, 3, 4))
    assert len(layer.weights) == 8
    q = keras.Input((3, 4))
    model = keras.Model(q, layer(q, value=q))
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(x), model(x))


def test_masks_of_keyword_arguments():
    lstm = keras.layers.LSTM(3)
    x = keras.layers.Masking()(np.pad(RNG.normal(size=(2, 3, 4)), [(0, 0), (0, 2), (0, 0)]).astype("float32"))
    np.testing.assert_array_equal(MonteCarlo(lstm)(sequences=x), lstm(x))


def test_compute_output_shape():
    assert MonteCarlo(keras.layers.LSTM(3, return_sequences=True)).compute_output_shape((2, 5, 4)) == (2, 5, 3)
    attention = MonteCarlo(keras.layers.MultiHeadAttention(2, 4))
    assert attention.compute_output_shape((2, 5, 4), (2, 6, 7)) == (2, 5, 4)
