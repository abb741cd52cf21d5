"""Training with `MultiHeadAttention` and `Trainer` equals training with the layer of Keras and `fit`."""

import keras
import numpy as np
import pytest

from tensorsmith.layers import MultiHeadAttention
from tensorsmith.training import Trainer


def build(attention, causal):
    """Returns a classifier of padded sequences."""
    keras.utils.set_random_seed(1)
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(12, 8, mask_zero=True)(tokens)
    x = x + attention(2, 4)(x, x, use_causal_mask=causal)
    return keras.Model(tokens, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(x)))


@pytest.mark.parametrize("causal", [False, True])
def test_training_on_padded_sequences(causal):
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 10, (48, 1))
    tokens = np.where(np.arange(9) < lengths, rng.integers(1, 12, (48, 9)), 0).astype("int32")
    labels = tokens[:, 0] % 3
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    options = {"batch_size": 16, "epochs": 6, "shuffle": False}

    theirs = build(keras.layers.MultiHeadAttention, causal)
    theirs.compile(keras.optimizers.Adam(0.02), loss)
    ours = build(MultiHeadAttention, causal)
    for weight, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    expected = theirs.fit(tokens, labels, verbose=0, **options).history["loss"]
    trainer = Trainer(ours, keras.optimizers.Adam(0.02), loss, jit=False)
    found = trainer.fit(tokens, labels, verbose=False, **options).history["loss"]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert found[-1] < 0.8 * found[0]
    for weight, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-3, atol=1e-4)
