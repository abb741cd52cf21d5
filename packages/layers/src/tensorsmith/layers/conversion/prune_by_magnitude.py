"""Pruning of the weights of smallest magnitude in a trained model."""

from collections import Counter
from typing import Any

import keras
import numpy as np

from tensorsmith.core import Verbatim, check, is_number
from tensorsmith.core.types import Tensor
from tensorsmith.layers.constraints import PruningMask


def prune_by_magnitude(model: keras.Model, sparsity: float, scope: str = "layer") -> dict[str, Any]:
    """Sets the weights of smallest magnitude in a trained model to zero, and keeps them at zero in further training.

    Trainable weights with two or more axes are pruned: kernels and embeddings, but not biases and scales. Each of them
    gets a `PruningMask` as constraint, in addition to its existing constraint. Optimizers apply constraints after each
    step, in `fit`, in `Trainer` and in custom training loops. A saved model contains the zeros, but not the masks: to
    continue training after loading, prune it again with the same sparsity. Custom training functions that were traced
    before the first call must be traced again; the training function of `fit` is rebuilt. Further calls, for example
    with increasing sparsity during training, only change the masks. Call it with a sparsity of 0 before training if it
    prunes the model during training with the `Trainer`.

    Source: Han et al., "Learning both Weights and Connections for Efficient Neural Networks", 2015.

    Args:
        model: Built Keras model or layer.
        sparsity: Fraction of the weights to set to zero, in [0, 1).
        scope: `"layer"` to prune the same fraction of each weight tensor, or `"global"` to prune the values with the
            smallest magnitudes across all weight tensors.

    Returns:
        A dict from the `path` of each weight to its boolean mask, `True` where values are kept.

    Raises:
        ValueError: If `sparsity` is not a number in [0, 1), `scope` is unknown, the model has no weights to prune, or
            two weights have the same path.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(10)])
        >>> masks = prune_by_magnitude(model, 0.75)
        >>> int(keras.ops.count_nonzero(model.layers[0].kernel))
        25
    """
    check(is_number(sparsity) and 0 <= sparsity < 1, "sparsity", sparsity, "a number in [0, 1)")
    check(scope in ("layer", "global"), "scope", scope, "'layer' or 'global'")
    weights = [weight for weight in model.trainable_weights if len(weight.shape) > 1]
    check(len(weights) > 0, "model", Verbatim(f"{model.name!r}"), "a built model with trainable kernels")
    path, count = Counter(weight.path for weight in weights).most_common(1)[0]
    remedy = "give layers and models distinct names, or prune the nested models one by one"
    check(
        count == 1,
        "model",
        Verbatim(f"{count} weights with the path {path!r}"),
        "have weights with distinct paths",
        remedy,
    )
    sizes = [np.abs(keras.ops.convert_to_numpy(weight)).astype("float64") for weight in weights]
    if scope == "layer":
        kept = [_largest(size, sparsity) for size in sizes]
    else:
        # Select over the concatenation of all weights, then split the mask again.
        together = _largest(np.concatenate([size.ravel() for size in sizes]), sparsity)
        ends = np.cumsum([size.size for size in sizes])[:-1]
        kept = [part.reshape(size.shape) for part, size in zip(np.split(together, ends), sizes, strict=True)]
    added = False
    for weight, mask in zip(weights, kept, strict=True):
        if isinstance(weight.constraint, PruningMask):
            weight.constraint.mask.assign(mask)
        else:
            weight.constraint = PruningMask(mask, weight.constraint, f"pruning_mask_{weight.path.replace('/', '_')}")
            added = True
        weight.assign(weight * mask)
    if added and getattr(model, "train_function", None) is not None:
        model.make_train_function(force=True)
    return {weight.path: mask for weight, mask in zip(weights, kept, strict=True)}


def _largest(size: Tensor, sparsity: float) -> Tensor:
    """Returns a boolean mask that is `False` for the smallest entries, which make up the fraction `sparsity`."""
    mask = np.ones(size.size, "bool")
    # Sorting instead of a threshold gives the exact number of zeros if magnitudes are equal.
    mask[np.argsort(size, axis=None, kind="stable")[: round(sparsity * size.size)]] = False
    return mask.reshape(size.shape)
