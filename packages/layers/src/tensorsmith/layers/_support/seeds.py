"""Seeds for layers with several random generators."""

import random

import numpy as np


def seeds_from(seed: int | None, count: int) -> list[int]:
    """Returns `count` seeds for independent random generators.

    Without a seed, they are derived from the random state of Python, which `keras.utils.set_random_seed` seeds.
    """
    entropy = random.randint(0, 2**32) if seed is None else seed % 2**64
    return np.random.SeedSequence(entropy).generate_state(count).tolist()
