"""Tests of greedy layer-wise pretraining with linear layers, whose best weights are principal components."""

import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA

from tensorsmith.training import pretrain_layers

INPUTS = np.random.default_rng(0).normal(size=(200, 8)).astype("float32") @ np.diag(
    np.arange(1.0, 9.0, dtype="float32")
)


def dense_layers(encoder, decoder):
    return [keras.layers.Dense(units) for units in encoder], [keras.layers.Dense(units) for units in decoder]


def set_principal_components(model, inputs, index):
    """Sets the weights of a shallow linear autoencoder to those with the least squared error."""
    pca = PCA(model.layers[0].output_shape[-1]).fit(inputs)
    components, mean = pca.components_, pca.mean_
    model.set_weights([components.T, -components @ mean, components, mean])


def test_stacked_principal_components():
    encoder, decoder = dense_layers([5, 3, 2], [3, 5, 8])
    pretrain_layers(encoder, decoder, INPUTS, set_principal_components)
    restored = keras.Sequential([keras.Input((8,)), *encoder, *decoder]).predict(INPUTS, verbose=0)
    pca = PCA(2).fit(INPUTS)
    np.testing.assert_allclose(restored, pca.inverse_transform(pca.transform(INPUTS)), rtol=1e-3, atol=1e-3)


def test_each_layer_is_trained_on_the_codes_of_the_layers_below():
    encoder, decoder = dense_layers([4, 2], [4, 8])
    seen = []

    def train(model, inputs, index):
        seen.append((index, inputs))
        model.set_weights([weights + 1 for weights in model.get_weights()])

    pretrain_layers(encoder, decoder, INPUTS, train, batch_size=7)
    assert [index for index, _ in seen] == [0, 1]
    np.testing.assert_array_equal(seen[0][1], INPUTS)
    kernel, bias = encoder[0].get_weights()  # as trained, before the codes are computed
    np.testing.assert_allclose(seen[1][1], INPUTS @ kernel + bias, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("encoder", "decoder", "message"),
    [
        ([], [], "encoder must be at least one layer, got no layers."),
        ([4, 2], [8], "decoder must be 2 layers, as the encoder, got 1 layers."),
        ([4, 2], [3, 8], r"decoder must be \(4,\), the input shape of encoder layer 1, got layer 0 with"),
    ],
)
def test_bad_layers(encoder, decoder, message):
    with pytest.raises(ValueError, match=message):
        pretrain_layers(*dense_layers(encoder, decoder), INPUTS, lambda model, inputs, index: None)
