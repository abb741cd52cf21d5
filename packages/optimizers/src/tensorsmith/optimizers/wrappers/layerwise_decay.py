"""Updates that are smaller the deeper a layer lies."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import keras

from tensorsmith.core import Verbatim, check, export
from tensorsmith.core.types import Optimizer
from tensorsmith.optimizers._support.arguments import check_amounts, check_patterns
from tensorsmith.optimizers._support.paths import ending, matches, takers
from tensorsmith.optimizers._support.rows import precise, read, write
from tensorsmith.optimizers._support.wrapping import Wrapper


@export
class ScaledUpdates(Wrapper):
    """Makes the updates of an optimizer smaller or larger for chosen variables.

    It is as if these had a learning rate of their own, whatever the optimizer is: Adam takes no notice of the scale of
    gradients, so updates are what is scaled. Decay of weights, which is part of the update, is scaled with them.

    Formula, with w' the weights after the update of the optimizer:

        w = w + scale (w' - w)

    Args:
        optimizer: The optimizer that makes the updates, or the name of one.
        scales: Scale by regular expression; it is that of the variables in whose path, such as `model/dense_1/kernel`,
            the expression is found. Variables without one move as they would.
        name: Name of the optimizer.

    Raises:
        ValueError: `optimizer` is none that this can stand around, a scale is negative, or an expression does not
            compile; when the optimizer is built: an expression is found in no path, or two are found in one.

    Example:
        >>> import keras
        >>> variables = [keras.Variable([1.0], name="table"), keras.Variable([1.0], name="kernel")]
        >>> optimizer = ScaledUpdates(keras.optimizers.Adam(0.1), {"table": 0.5})
        >>> optimizer.apply([keras.ops.array([3.0]), keras.ops.array([3.0])], variables)
        >>> print(*[variable.numpy().round(4) for variable in variables])
        [0.95] [0.9]
    """

    def __init__(self, optimizer: Optimizer, scales: Mapping[str, float], name: str = "ScaledUpdates"):
        check(isinstance(scales, Mapping), "scales", scales, "scales by regular expression, as a dict")
        check_patterns(scales=list(scales))
        check_amounts(**{f"scales[{pattern!r}]": scale for pattern, scale in scales.items()})
        super().__init__(optimizer, name)
        self._scales = dict(scales)

    def build(self, variables: Sequence[Any]) -> None:
        """Finds the scale of each variable."""
        if self.built:
            return
        variables = list(variables)
        choices = [(repr(pattern), partial(matches, patterns=[pattern])) for pattern in self._scales]
        scales = [*self._scales.values()]
        found = zip(variables, takers("scales", choices, variables), strict=True)
        self._scale = {self._var_key(variable): scales[place] for variable, place in found if place is not None}
        super().build(variables)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Updates the variables.

        Args:
            grads: The gradients.
            trainable_variables: A variable for each; those the optimizer was built with if None.
        """
        variables = self.built_for(trainable_variables)
        scaled = [variable for variable in variables if self._scale.get(self._var_key(variable), 1) != 1]
        before = [read(variable, None, precise(variable.dtype)) for variable in scaled]
        super().apply(grads, variables)
        for variable, old in zip(scaled, before, strict=True):
            scale = self._scale[self._var_key(variable)]
            write(variable, None, old + scale * (read(variable, None, old.dtype) - old))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {**super().get_config(), "scales": dict(self._scales)}


def layerwise_decay(model: keras.Model, optimizer: Optimizer, factor: float) -> ScaledUpdates:
    """Puts a wrapper around an optimizer that makes the updates of a layer smaller the deeper the layer lies.

    For fine-tuning: the last layer with weights moves as it would, the one before it by `factor` of that, the one
    before that by its square, and so on. Layers come in the order of `model.layers`; a model among them counts layer by
    layer, any other layer as one. To saved models only what comes out matters, `ScaledUpdates`.

    Source: Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018, with a factor of
    1 / 2.6; Clark et al., "ELECTRA", 2020, with 0.8 and 0.9.

    Args:
        model: A built model. Layers that are frozen now count as well, and have no scale of their own should they thaw:
            freeze layers afterwards, as `tensorsmith.training.Unfreeze` does.
        optimizer: The optimizer that makes the updates, or the name of one.
        factor: Above 0, mostly below 1.

    Returns:
        The optimizer to compile the model with.

    Raises:
        ValueError: The model is not built or has no weights, or `factor` is no number above 0.

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
    check(built, "model", Verbatim(f"{model!r}"), "a built model", "call it once, or give it an Input")
    check_amounts(factor=factor)
    check(factor > 0, "factor", factor, "a number above 0")
    layers = [layer for layer in _in_order(model) if layer.weights]
    check(bool(layers), "model", Verbatim(f"{model!r} without weights"), "one with layers that have weights")
    scales: dict[str, float] = {}
    for depth, layer in enumerate(reversed(layers)):
        for variable in layer.trainable_variables if depth else ():  # weights of two layers go with the later one
            scales.setdefault(ending(variable, model.variables), factor**depth)
    return ScaledUpdates(optimizer, scales)


def _in_order(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model) and layer.layers:
            yield from _in_order(layer)
        else:
            yield layer
