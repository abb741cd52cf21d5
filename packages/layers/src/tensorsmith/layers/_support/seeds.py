"""Seeds for a layer that draws several things."""

import random

import numpy as np


def seeds_from(seed: int | None, count: int) -> list[int]:
    """As many seeds of independent draws; without a seed they come from Keras' global one, which is Python's."""
    entropy = random.randint(0, 2**32) if seed is None else seed % 2**64
    return np.random.SeedSequence(entropy).generate_state(count).tolist()
