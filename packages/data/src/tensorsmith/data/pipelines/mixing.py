"""Augmentations that mix pairs of examples in a batch, including their labels."""

from collections.abc import Callable
from typing import Any

from tensorsmith.core import Verbatim, check, load_tensorflow
from tensorsmith.core.types import Dataset, NestedTensors, Tensor
from tensorsmith.data.pipelines.arguments import Transformation, check_seed
from tensorsmith.data.pipelines.draws import with_draws


def mixup(alpha: float = 0.2, *, seed: int | None) -> Transformation:
    """Mixup augmentation: computes weighted means of pairs of examples and of their labels.

    `x' = λ x + (1 - λ) x[π]` and `y' = λ y + (1 - λ) y[π]`, where `π` is a random permutation of the batch and `λ` is
    drawn from Beta(α, α) for each example.

    Args:
        alpha: Parameter α of the beta distribution. Near 0, one of the two examples dominates; at 1, the weight is
            uniformly distributed. The paper uses 0.1 to 0.4 for ImageNet.
        seed: Random seed. If `None`, a different seed is used in each process.

    Returns:
        A transformation for `dataset.apply`, from batches `(x, y)` to batches of the same shapes and dtypes. `x` may be
        a nested structure.

    Raises:
        ValueError: If `alpha` is not positive, or if the elements are not pairs of floating-point batches.

    Source:
        H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, mixup: Beyond Empirical Risk Minimization, ICLR 2018.

    Example:
        >>> import tensorflow as tf
        >>> batches = tf.data.Dataset.from_tensors((tf.eye(4), tf.eye(4)))
        >>> x, y = next(iter(batches.apply(mixup(seed=1))))
        >>> bool(tf.reduce_all(x == y)), tf.reduce_sum(y, axis=1).numpy().tolist()
        (True, [1.0, 1.0, 1.0, 1.0])
    """

    def mixed(x: NestedTensors, y: Tensor, draw: Tensor) -> tuple[NestedTensors, Tensor]:
        import tensorflow as tf

        weight, order = _weights(alpha, y, draw), _order(y, draw)

        def mix(tensor: Tensor) -> Tensor:
            return _mix(tensor, tf.gather(tensor, order), weight)

        return tf.nest.map_structure(mix, x), mix(y)

    return _on_batches(mixed, alpha, seed)


def cutmix(alpha: float = 1.0, *, seed: int | None) -> Transformation:
    """CutMix augmentation: pastes a patch of another image into each image and mixes the labels by area.

    The rectangle has `sqrt(1 - λ)` of the height and width of the image, where `λ` is drawn from Beta(α, α), and its
    center is uniformly distributed in the image. The rectangle is clipped to the image, and the weight of the original
    label is the fraction of pixels that are kept, as in the authors' implementation. The rectangle is drawn separately
    for each image.

    Args:
        alpha: Parameter α of the beta distribution. The paper uses 1, for which the area of the pasted region is
            uniformly distributed.
        seed: Random seed. If `None`, a different seed is used in each process.

    Returns:
        A transformation for `dataset.apply`, from batches `(x, y)`, with `x` of shape
        `(batch, height, width, channels)`, to batches of the same shapes and dtypes.

    Raises:
        ValueError: If `alpha` is not positive, if the elements are not pairs of floating-point batches, or if `x` is
            not a batch of images.

    Source:
        S. Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features, ICCV 2019.

    Example:
        >>> import tensorflow as tf
        >>> images = tf.reshape([0.0, 1.0], (2, 1, 1, 1)) * tf.ones((2, 8, 8, 1))  # one black, one white
        >>> batches = tf.data.Dataset.from_tensors((images, tf.eye(2)))
        >>> x, y = next(iter(batches.apply(cutmix(seed=1))))
        >>> bool(tf.reduce_all(tf.reduce_mean(x, axis=[1, 2, 3]) == y[:, 1]))
        True
    """

    def mixed(x: NestedTensors, y: Tensor, draw: Tensor) -> tuple[NestedTensors, Tensor]:
        import tensorflow as tf

        order = _order(y, draw)
        count, height, width = tf.unstack(tf.shape(x)[:3])
        side = tf.sqrt(1 - _weights(alpha, y, draw))
        centres = tf.random.stateless_uniform([2, count], _another(draw, 2), dtype=tf.float64)
        rows = _inside(height, centres[0], side)
        columns = _inside(width, centres[1], side)
        foreign = rows[:, :, None] & columns[:, None, :]
        x = tf.where(foreign[..., None], tf.gather(x, order), x)
        # The weight of the label is the area after clipping, not λ.
        kept = 1 - tf.reduce_mean(tf.cast(foreign, tf.float64), axis=[1, 2])
        return x, _mix(y, tf.gather(y, order), kept)

    return _on_batches(mixed, alpha, seed, images=True)


def _on_batches(
    mixed: Callable[..., tuple[Any, Any]], alpha: float, seed: int | None, images: bool = False
) -> Transformation:
    check(isinstance(alpha, int | float) and alpha > 0, "alpha", alpha, "a positive number")
    check_seed(seed)
    load_tensorflow()
    import tensorflow as tf

    def transform(dataset: Dataset) -> Dataset:
        spec = dataset.element_spec
        check(
            isinstance(spec, tuple) and len(spec) == 2, "dataset", Verbatim(spec), "contain batches of the form (x, y)"
        )
        for name, part in zip("xy", spec, strict=True):
            for leaf in tf.nest.flatten(part):
                remedy = "divide images by 255" if name == "x" else "encode labels with `tf.one_hot`"
                check(leaf.dtype.is_floating, name, Verbatim(leaf.dtype.name), "have a floating-point dtype", remedy)
        is_rows = tf.is_tensor(spec[1]) or isinstance(spec[1], tf.TensorSpec)
        check(
            is_rows and spec[1].shape.rank != 0,
            "y",
            Verbatim(spec[1]),
            "a single tensor with a batch axis",
            "call `dataset.batch` first",
        )
        if images:
            is_images = isinstance(spec[0], tf.TensorSpec) and spec[0].shape.rank == 4
            check(is_images, "x", Verbatim(spec[0]), "a batch of images of shape (batch, height, width, channels)")
        return with_draws(dataset, seed).map(
            lambda batch, draw: mixed(*batch, draw), num_parallel_calls=tf.data.AUTOTUNE
        )

    return transform


def _weights(alpha: float, y: Tensor, draw: Tensor) -> Tensor:
    """Returns random mixing weights drawn from Beta(alpha, alpha), as a float64 tensor of shape `(batch,)`."""
    import tensorflow as tf

    shape = [2, tf.shape(y)[0]]
    # Beta(α, α) is X / (X + Y) for independent X, Y from Gamma(α).
    one, other = tf.unstack(
        tf.random.stateless_gamma(shape, _another(draw, 0), tf.constant(alpha, tf.float64), dtype=tf.float64)
    )
    return tf.math.divide_no_nan(one, one + other)


def _order(y: Tensor, draw: Tensor) -> Tensor:
    """Returns a random permutation of the batch indices."""
    import tensorflow as tf

    return tf.random.experimental.stateless_shuffle(tf.range(tf.shape(y)[0]), _another(draw, 1))


def _another(draw: Tensor, number: int) -> Tensor:
    """Returns a random seed derived from another seed and a number. Different numbers yield independent seeds."""
    import tensorflow as tf

    return tf.random.experimental.stateless_fold_in(draw, number)


def _mix(tensor: Tensor, other: Tensor, weight: Tensor) -> Tensor:
    import tensorflow as tf

    weight = tf.cast(weight, tensor.dtype)
    # Broadcast the weight of each example over all other axes.
    weight = tf.reshape(weight, tf.concat([tf.shape(weight), tf.ones([tf.rank(tensor) - 1], tf.int32)], 0))
    return weight * tensor + (1 - weight) * other


def _inside(size: Tensor, centre: Tensor, side: Tensor) -> Tensor:
    """Returns a boolean mask `(batch, size)` that is `True` for pixels inside the rectangle, along one image axis."""
    import tensorflow as tf

    half = tf.cast(tf.cast(size, tf.float64) * side, tf.int32) // 2
    middle = tf.cast(tf.cast(size, tf.float64) * centre, tf.int32)
    pixels = tf.range(size)
    return (pixels >= (middle - half)[:, None]) & (pixels < (middle + half)[:, None])
