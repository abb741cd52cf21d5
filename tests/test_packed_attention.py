"""Packed sequences in attention equal separate sequences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tensorsmith.data.pipelines import pack_sequences
from tensorsmith.layers import MultiHeadAttention


@pytest.mark.parametrize("causal", [False, True])
def test_attention_to_the_own_sequence(causal):
    generator = np.random.default_rng(0)
    sequences = [generator.integers(1, 20, size).tolist() for size in (3, 1, 7, 5, 2, 6)]
    packed = pack_sequences(sequences, 8)
    assert len(packed.tokens) == 3
    table = keras.random.normal((20, 8), seed=1)
    attention = MultiHeadAttention(2, 4)
    options = {"use_causal_mask": causal}
    x = tf.gather(table, packed.tokens).numpy()
    mask = packed.segments[:, :, np.newaxis] == packed.segments[:, np.newaxis]
    found = tf.function(attention)(x, x, attention_mask=mask, **options).numpy()
    for row, segments in enumerate(packed.segments):
        for segment in range(1, segments.max() + 1):
            steps = segments == segment
            alone = x[row : row + 1][:, steps]
            np.testing.assert_allclose(found[row][steps], attention(alone, alone, **options)[0], rtol=1e-5, atol=1e-6)
