"""Weights set to zero by their size."""

from collections import Counter
from typing import Any

import keras
import numpy as np

from tensorsmith.core import Verbatim, check, is_number
from tensorsmith.core.types import Tensor
from tensorsmith.layers.constraints import PruningMask


def prune_by_magnitude(model: keras.Model, sparsity: float, scope: str = "layer") -> dict[str, Any]:
    """Sets the smallest weights of a trained model to zero, and keeps them zero while it is trained further.

    What is pruned are trained weights with two axes or more: kernels and embeddings, and no biases or scales. Each gets
    a `PruningMask` as constraint, beside the one that it has; optimizers apply it after each step, in `fit`, in
    `Trainer` and in loops of your own. A saved model has the zeros, but not the masks: prune it again after loading, at
    the same sparsity, to train it on. Loops traced before do not see the masks; `fit` is told, others trace anew.

    Source: Han et al., "Learning both Weights and Connections for Efficient Neural Networks", 2015.

    Args:
        model: A Keras model, or a layer, that is built.
        sparsity: Share of the weights to set to zero, in [0, 1).
        scope: "layer" prunes the same share of each weight; "global" prunes the smallest of all weights together.

    Returns:
        A mask for each weight by its `path`: True where it is kept.

    Raises:
        ValueError: `sparsity` is no number in [0, 1), `scope` is unknown, the model has no such weights, or two of them
            have one path.

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
    check(len(weights) > 0, "model", Verbatim(f"{model.name!r}"), "a model that is built and has kernels to train")
    path, count = Counter(weight.path for weight in weights).most_common(1)[0]
    remedy = "give layers and models names of their own, or prune the models within the model one by one"
    check(count == 1, "model", Verbatim(f"{count} weights of the path {path!r}"), "a path of its own for each", remedy)
    sizes = [np.abs(keras.ops.convert_to_numpy(weight)).astype("float64") for weight in weights]
    if scope == "layer":
        kept = [_largest(size, sparsity) for size in sizes]
    else:
        together = _largest(np.concatenate([size.ravel() for size in sizes]), sparsity)
        ends = np.cumsum([size.size for size in sizes])[:-1]
        kept = [part.reshape(size.shape) for part, size in zip(np.split(together, ends), sizes, strict=True)]
    for weight, mask in zip(weights, kept, strict=True):
        before = weight.constraint
        weight.constraint = PruningMask(mask, before.constraint if isinstance(before, PruningMask) else before)
        weight.assign(weight * mask)
    if getattr(model, "train_function", None) is not None:
        model.make_train_function(force=True)
    return {weight.path: mask for weight, mask in zip(weights, kept, strict=True)}


def _largest(size: Tensor, sparsity: float) -> Tensor:
    """True but for that share of places, rounded, where `size` is smallest."""
    mask = np.ones(size.size, "bool")
    mask[np.argsort(size, axis=None, kind="stable")[: round(sparsity * size.size)]] = False
    return mask.reshape(size.shape)
