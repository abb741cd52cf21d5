"""Optimizer wrapper that scales updates by layer, for layer-wise learning-rate decay."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import keras

from tensorsmith.core import Verbatim, check, export
from tensorsmith.core.keras_internals import variable_key
from tensorsmith.core.types import Optimizer
from tensorsmith.optimizers._support.arguments import check_amounts, check_patterns
from tensorsmith.optimizers._support.paths import ending, matches, takers
from tensorsmith.optimizers._support.rows import precise, read, write
from tensorsmith.optimizers._support.wrapping import Wrapper


@export
class ScaledUpdates(Wrapper):
    """Optimizer wrapper that scales the updates of selected variables.

    The effect is that of a separate learning rate for these variables, for any optimizer. Updates are scaled instead of
    gradients because optimizers like Adam are invariant to the scale of gradients. Weight decay is part of the update
    and therefore scaled as well.

    Formula, with the weights w' after the update of the wrapped optimizer:

        w = w + scale (w' - w)

    Args:
        optimizer: Keras optimizer to wrap, or its name, such as `"adam"`.
        scales: Dict that maps regular expressions to update scales. A scale applies to the variables whose path, such
            as `model/dense_1/kernel`, matches the expression. Updates of other variables are not scaled.
        name: Name of the optimizer.

    Raises:
        ValueError: If `optimizer` cannot be wrapped, a scale is negative, or a regular expression is invalid. When the
            optimizer is built: if an expression matches no path, or several expressions match the same one.

    Example:
        >>> import keras
        >>> variables = [keras.Variable([1.0], name="table"), keras.Variable([1.0], name="kernel")]
        >>> optimizer = ScaledUpdates(keras.optimizers.Adam(0.1), {"table": 0.5})
        >>> optimizer.apply([keras.ops.array([3.0]), keras.ops.array([3.0])], variables)
        >>> print(*[variable.numpy().round(4) for variable in variables])
        [0.95] [0.9]
    """

    def __init__(self, optimizer: Optimizer, scales: Mapping[str, float], name: str = "ScaledUpdates"):
        check(isinstance(scales, Mapping), "scales", scales, "a dict that maps regular expressions to scales")
        check_patterns(scales=list(scales))
        check_amounts(**{f"scales[{pattern!r}]": scale for pattern, scale in scales.items()})
        super().__init__(optimizer, name)
        self._scales = dict(scales)

    def build(self, variables: Sequence[Any]) -> None:
        """Determine the update scale of each variable, and build the optimizer."""
        if self.built:
            return
        variables = list(variables)
        choices = [(repr(pattern), partial(matches, patterns=[pattern])) for pattern in self._scales]
        scales = [*self._scales.values()]
        found = zip(variables, takers("scales", choices, variables), strict=True)
        self._scale = {
            variable_key(self, variable): scales[position] for variable, position in found if position is not None
        }
        super().build(variables)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Update the model variables, and scale the change of each variable.

        Args:
            grads: List of gradients.
            trainable_variables: List of the corresponding variables. If `None`, the variables that the optimizer was
                built with are used.
        """
        variables = self.built_for(trainable_variables)
        scaled = [variable for variable in variables if self._scale.get(variable_key(self, variable), 1) != 1]
        before = [read(variable, None, precise(variable.dtype)) for variable in scaled]
        super().apply(grads, variables)
        for variable, old in zip(scaled, before, strict=True):
            scale = self._scale[variable_key(self, variable)]
            write(variable, None, old + scale * (read(variable, None, old.dtype) - old))

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer."""
        return {**super().get_config(), "scales": dict(self._scales)}


def layerwise_decay(model: keras.Model, optimizer: Optimizer, factor: float) -> ScaledUpdates:
    """Wrap an optimizer so that layers farther from the output get smaller updates, for fine-tuning.

    The updates of the last layer with weights are not scaled, those of the layer before it are multiplied by `factor`,
    those of the layer before that by its square, and so on. The layers are those of `model.layers`, in this order;
    nested models are expanded, other layers with sublayers are not. Saved models contain only the returned
    `ScaledUpdates` optimizer.

    Source: Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018, with a factor of 1 /
    2.6; Clark et al., "ELECTRA", 2020, with 0.8 and 0.9.

    Args:
        model: Built model. Freeze layers only after this call, for example with `tensorsmith.training.Unfreeze`: layers
            that are already frozen are counted, but if they are unfrozen later, their updates are not scaled.
        optimizer: Keras optimizer to wrap, or its name, such as `"adam"`.
        factor: Float, the ratio between the update scale of a layer and the update scale of the next layer, `> 0` and
            usually `< 1`.

    Returns:
        A `ScaledUpdates` optimizer to compile the model with.

    Raises:
        ValueError: If the model is not built or has no weights, or `factor` is not a positive number.

    Example:
        >>> import keras
        >>> layers = [keras.layers.Dense(2, name=name) for name in ("first", "second", "head")]
        >>> model = keras.Sequential([keras.Input((2,)), *layers])
        >>> optimizer = layerwise_decay(model, keras.optimizers.Adam(1e-3), factor=0.5)
        >>> for pattern, scale in optimizer.get_config()["scales"].items():
        ...     print(scale, pattern)
        0.5 (^|/)second/kernel$
        0.5 (^|/)second/bias$
        0.25 (^|/)first/kernel$
        0.25 (^|/)first/bias$
    """
    built = isinstance(model, keras.Model) and model.built
    check(built, "model", Verbatim(f"{model!r}"), "a built model", "call the model once, or start it with keras.Input")
    check_amounts(factor=factor)
    check(factor > 0, "factor", factor, "a positive number")
    layers = [layer for layer in _in_order(model) if layer.weights]
    check(bool(layers), "model", Verbatim(f"{model!r} without weights"), "have weights")
    scales: dict[str, float] = {}
    for depth, layer in enumerate(reversed(layers)):
        for variable in layer.trainable_variables if depth else ():  # shared weights belong to the later layer
            scales.setdefault(ending(variable, model.variables), factor**depth)
    return ScaledUpdates(optimizer, scales)


def _in_order(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model) and layer.layers:
            yield from _in_order(layer)
        else:
            yield layer
