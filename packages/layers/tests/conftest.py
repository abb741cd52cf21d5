"""Random weights for the tests of layers."""

import numpy as np
import pytest


@pytest.fixture
def randomize():
    """Sets the weights of a layer to values from -0.5 to 1, and its variances to positive ones. Returns the layer."""
    rng = np.random.default_rng(0)

    def assign(layer):
        for weight in layer.weights:
            weight.assign(rng.uniform(0.5 if "variance" in weight.path else -0.5, 1, weight.shape))
        return layer

    return assign


@pytest.fixture
def scrambled():
    """Sets all weights of a model to values from 0.2 to 1, so that sums do not cancel. Returns the model."""
    rng = np.random.default_rng(0)

    def assign(model):
        for weight in model.weights:
            weight.assign(rng.uniform(0.2, 1, weight.shape))
        return model

    return assign
