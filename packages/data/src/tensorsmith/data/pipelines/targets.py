"""Splitting of windows into inputs and targets."""

from collections.abc import Callable
from typing import Any

from tensorsmith.core import Verbatim, check, load_tensorflow
from tensorsmith.core.types import Dataset, NestedTensors, Tensor
from tensorsmith.data.pipelines.arguments import Transformation, check_whole


def targets_ahead(ahead: int = 1, *, axis: int = 0) -> Transformation:
    """Splits windows into inputs and targets, the final steps, for sequence-to-vector forecasting.

    Args:
        ahead: Number of steps to forecast.
        axis: Axis of the time steps: 0 for single windows, 1 for batches of windows.

    Returns:
        A transformation for `dataset.apply`, from windows of `length` steps to pairs of `length - ahead` and `ahead`
        steps, each in the nested structure of the windows.

    Raises:
        ValueError: If `ahead` is not a positive integer, if `axis` is negative, or if windows are not longer than
            `ahead`.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.data.pipelines import windows
        >>> pairs = tf.data.Dataset.range(9).apply(windows(5)).apply(targets_ahead(2))
        >>> next(pairs.as_numpy_iterator())
        (array([0, 1, 2]), array([3, 4]))
    """
    return _pairs(ahead, axis, lambda window: window[_steps(axis, slice(-ahead, None))])


def targets_each_step(ahead: int = 1, *, axis: int = 0) -> Transformation:
    """Splits windows into inputs and targets for each step, for sequence-to-sequence forecasting.

    With `ahead=1`, the target is the window shifted by one step, as in a character-level language model. With larger
    values, the target at each step consists of the next `ahead` steps, on a new axis after the axis of the steps.

    Args:
        ahead: Number of future steps in the target of each step.
        axis: Axis of the time steps: 0 for single windows, 1 for batches of windows.

    Returns:
        A transformation for `dataset.apply`, from windows of `length` steps to pairs of `length - ahead` steps and as
        many targets, which have the axes `(length - ahead, ahead)` if `ahead` is greater than 1.

    Raises:
        ValueError: If `ahead` is not a positive integer, if `axis` is negative, or if windows are not longer than
            `ahead`.

    Example:
        >>> import tensorflow as tf
        >>> from tensorsmith.data.pipelines import windows
        >>> letters = tf.data.Dataset.from_tensor_slices(list("tensor"))
        >>> x, y = next(letters.apply(windows(4)).apply(targets_each_step()).as_numpy_iterator())
        >>> b"".join(x), b"".join(y)
        (b'ten', b'ens')
    """

    def following(window: Tensor) -> Tensor:
        import tensorflow as tf

        if ahead == 1:
            return window[_steps(axis, slice(1, None))]
        positions = 1 + tf.range(tf.shape(window)[axis] - ahead)[:, None] + tf.range(ahead)
        return tf.gather(window, positions, axis=axis)

    return _pairs(ahead, axis, following)


def _pairs(ahead: int, axis: int, target: Callable[[Any], Any]) -> Transformation:
    check_whole("ahead", ahead)
    check_whole("axis", axis, least=0)
    load_tensorflow()
    import tensorflow as tf

    def pair(*window: NestedTensors) -> tuple[NestedTensors, NestedTensors]:
        element = window if len(window) > 1 else window[0]
        seen = tf.nest.map_structure(lambda tensor: tensor[_steps(axis, slice(-ahead))], element)
        return seen, tf.nest.map_structure(target, element)

    def transform(dataset: Dataset) -> Dataset:
        for spec in tf.nest.flatten(dataset.element_spec):
            rank, received = spec.shape.rank, Verbatim(f"windows of shape {spec.shape}")
            check(rank is None or rank > axis, "axis", axis, f"a valid axis for windows of rank {rank}")
            steps = None if rank is None else spec.shape[axis]
            check(steps is None or steps > ahead, "ahead", ahead, f"smaller than the number of steps in {received}")
        return dataset.map(pair, num_parallel_calls=tf.data.AUTOTUNE)

    return transform


def _steps(axis: int, of_them: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (of_them,)
