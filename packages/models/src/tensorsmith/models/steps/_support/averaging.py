"""Exponential moving average of the weights of a network."""

import keras


def averaged_copy(network: keras.Model) -> keras.Model:
    """Returns a copy of a network for averaged weights, which is not trained."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    copy.trainable = False
    return copy


def update_average(averaged: keras.Model, network: keras.Model, decay: float) -> None:
    """Moves averaged weights toward those of a network, including the moving statistics of batch normalization."""
    for mean, value in zip(averaged.variables, network.variables, strict=True):
        if "float" in mean.dtype:  # not the state of random generators
            mean.assign(value + decay * (mean - value))
