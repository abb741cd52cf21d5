"""Check of sets of features, on which metrics of generated samples are computed."""

import numpy as np
from keras import ops

from tensorsmith.core import check
from tensorsmith.core.types import TensorLike


def features_of(name: str, values: TensorLike) -> np.ndarray:
    """Return features as a matrix in `float64`.

    Raises:
        ValueError: If they have another rank, or are not finite.
    """
    features = np.asarray(ops.convert_to_numpy(values), "float64")
    check(features.ndim == 2 and len(features) > 0, name, features.shape, "have shape (samples, features)")
    check(bool(np.isfinite(features).all()), name, "values that are not finite", "finite features")
    return features


def feature_sets(real: TensorLike, fake: TensorLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of real and generated samples, whose number of features is equal.

    Raises:
        ValueError: If the shapes do not match, or a feature is not finite.
    """
    real, fake = features_of("real", real), features_of("fake", fake)
    check(fake.shape[1] == real.shape[1], "fake", fake.shape, f"have {real.shape[1]} features, as `real`")
    return real, fake
