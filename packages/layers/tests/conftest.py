"""Weights other than those that layers begin with."""

import numpy as np
import pytest


@pytest.fixture
def randomize():
    """Gives the weights of a layer numbers from -0.5 to 1, its variances above 0, and returns the layer."""
    rng = np.random.default_rng(0)

    def assign(layer):
        for weight in layer.weights:
            weight.assign(rng.uniform(0.5 if "variance" in weight.path else -0.5, 1, weight.shape))
        return layer

    return assign


@pytest.fixture
def scrambled():
    """Gives all weights of a model numbers from 0.2 to 1, so that sums do not cancel, and returns the model."""
    rng = np.random.default_rng(0)

    def assign(model):
        for weight in model.weights:
            weight.assign(rng.uniform(0.2, 1, weight.shape))
        return model

    return assign
