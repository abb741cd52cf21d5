"""Optimizer that applies different optimizers to different variables of a model."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Self

import keras

from tensorsmith.core import argument_error, check, export
from tensorsmith.core.types import Variable
from tensorsmith.optimizers._support.arguments import check_patterns
from tensorsmith.optimizers._support.paths import ending, matches, path_of, takers

NAME = "optimizers_and_layers"
EXPECTED = "a list of pairs of an optimizer and a layer, a regular expression or a list of these"
# Available since Keras 3.15. With older versions this module can be imported, but the class cannot be instantiated.
KERAS_OWN: Any = getattr(keras.optimizers, "MultiOptimizer", None)


@export
class MultiOptimizer(KERAS_OWN or keras.optimizers.Optimizer):  # type: ignore[misc]
    """Optimizer that applies several optimizers, each to the variables of certain layers or variable paths.

    It extends the MultiOptimizer of Keras by layers in addition to regular expressions, and has no default optimizer:
    each trainable variable must be assigned to exactly one optimizer. Variables without an optimizer raise an error
    before training starts, instead of remaining unchanged. Each optimizer has its own learning rate, schedule, clipping
    and weight decay; clipping by global norm applies to the variables of one optimizer.

    Source: Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018, for learning rates
    by layer.

    Args:
        optimizers_and_layers: List of `(optimizer, variables)` pairs. `variables` specifies the variables that the
            optimizer updates: a layer, a model, a regular expression that matches paths such as `model/dense_1/kernel`,
            or a list of layers, models and regular expressions.
        loss_scale_factor: Loss scale factor for all optimizers, as in other Keras optimizers.
        name: Name of the optimizer.

    Raises:
        ValueError: If the pairs are invalid, or an optimizer is contained in two of them. When the optimizer is built:
            if a layer or an expression matches no trainable variable, or a variable has several optimizers or none.
        ImportError: If the Keras version is older than 3.15.

    Example:
        >>> import keras
        >>> layers = [keras.layers.Dense(2, name=name) for name in ("body", "head")]
        >>> model = keras.Sequential([keras.Input((2,)), *layers])
        >>> slow, fast = keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-2)
        >>> model.compile(MultiOptimizer([(slow, model.layers[0]), (fast, "head")]), loss="mse")
        >>> history = model.fit(keras.ops.ones((4, 2)), keras.ops.ones((4, 2)), verbose=0)
        >>> [int(optimizer.iterations) for optimizer in model.optimizer.optimizers]
        [1, 1]
    """

    def __init__(
        self,
        optimizers_and_layers: Sequence[tuple[Any, Any]],
        loss_scale_factor: float | None = None,
        name: str = "MultiOptimizer",
    ):
        if KERAS_OWN is None:
            raise ImportError(f"MultiOptimizer needs Keras 3.15 or later, got Keras {keras.__version__}.")
        assignment = _Map(optimizers_and_layers)
        super().__init__(assignment, loss_scale_factor, name)
        self._assignment = assignment

    def build(self, variables: Sequence[Any]) -> None:
        """Assign the variables to the optimizers and build the optimizers."""
        if not self.built:
            self._assignment.choose(variables)
            super().build(list(variables))

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Update the given variables, by default all variables, each with the optimizer to which it is assigned.

        Args:
            grads: List of gradients.
            trainable_variables: List of the corresponding variables. If `None`, the variables that the optimizer was
                built with are used.
        """
        variables = self._assignment.variables if trainable_variables is None else list(trainable_variables)
        self.build(variables)
        pairs = list(zip(grads, variables, strict=True))
        for optimizer in self.optimizers:
            own = [pair for pair in pairs if self._assignment(pair[1]) is optimizer]
            if own:
                optimizer.apply(*map(list, zip(*own, strict=True)))
        self.iterations.assign_add(1)

    def get_config(self) -> dict[str, Any]:
        """Return the config of the optimizer, with layers replaced by regular expressions for variable paths."""
        pairs = self._assignment.pairs()
        return {NAME: pairs, "loss_scale_factor": self.loss_scale_factor, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Create an optimizer from its config."""
        pairs = [(keras.optimizers.deserialize(held, custom_objects), what) for held, what in config[NAME]]
        return cls(**{**config, NAME: pairs})


class _Map:
    """Mapping from variables to optimizers, with the methods that the Keras `MultiOptimizer` requires."""

    def __init__(self, pairs: Any):
        fits = isinstance(pairs, list | tuple) and len(pairs) > 0
        fits = fits and all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs)
        check(fits, NAME, pairs, EXPECTED)
        self._pairs: list[tuple[Any, list[Any]]] = []
        self.variables: list[Any] = []
        for optimizer, given in pairs:
            single = isinstance(optimizer, keras.optimizers.Optimizer) and not isinstance(
                optimizer, (KERAS_OWN, keras.optimizers.LossScaleOptimizer)
            )
            remedy = "wrap the MultiOptimizer in a LossScaleOptimizer"
            check(
                single, NAME, optimizer, "contain single optimizers, not a MultiOptimizer or LossScaleOptimizer", remedy
            )
            others = [known for known, _ in self._pairs]
            check(all(optimizer is not known for known in others), NAME, optimizer, "contain distinct optimizers")
            whats = list(given) if isinstance(given, list | tuple) else [given]
            for what in whats:
                check(isinstance(what, str | keras.layers.Layer), NAME, what, EXPECTED)
            check_patterns(**{NAME: [what for what in whats if isinstance(what, str)]})
            self._pairs.append((optimizer, whats))

    def choose(self, variables: Sequence[Any]) -> None:
        """Determine which optimizer updates each variable."""
        for _, whats in self._pairs:
            # Each pattern must match a variable, and of the layers at least one, since some have no variables.
            layers = [what for what in whats if not isinstance(what, str)]
            for group in [*([what] for what in whats if isinstance(what, str)), *([layers] if layers else [])]:
                takers(NAME, [(", ".join(map(repr, group)), partial(_takes, group))], variables)
        self.variables = list(variables)
        choices = [(f"{optimizer.name} for {whats}", partial(_takes, whats)) for optimizer, whats in self._pairs]
        self._chosen = {}
        for variable, position in zip(variables, takers(NAME, choices, variables), strict=True):
            if position is None:
                received = [whats for _, whats in self._pairs]
                raise argument_error(
                    NAME, received, f"contain an optimizer for every variable, including {path_of(variable)!r}"
                )
            self._chosen[id(variable)] = self._pairs[position][0]

    def values(self) -> list[Any]:
        """Return all optimizers in the mapping."""
        return [optimizer for optimizer, _ in self._pairs]

    def __call__(self, variable: Variable) -> keras.optimizers.Optimizer:
        """Return the optimizer that updates a variable."""
        return self._chosen[id(variable)]

    def pairs(self) -> list[list[Any]]:
        """Return serialized pairs of an optimizer and the regular expressions that match its variables."""
        return [[keras.optimizers.serialize(o), list(chain(*map(self._patterns, whats)))] for o, whats in self._pairs]

    def _patterns(self, what: str | keras.Layer) -> list[str]:
        if isinstance(what, str):
            return [what]
        check(what.built, NAME, what, "contain only built layers in order to be saved", "call the model once")
        layers = [what for _, whats in self._pairs for what in whats if not isinstance(what, str)]
        every = self.variables or [variable for layer in layers for variable in layer.trainable_variables]
        patterns = [ending(variable, every) for variable in what.trainable_variables]
        for pattern in patterns:
            alone = sum(matches(variable, [pattern]) for variable in every) == 1
            check(
                alone,
                NAME,
                what,
                "contain only layers with distinct paths in order to be saved",
                "give the layers different names",
            )
        return patterns


def _takes(whats: Sequence[Any], variable: Variable) -> bool:
    patterns = [what for what in whats if isinstance(what, str)]
    layers = [what for what in whats if not isinstance(what, str)]
    return matches(variable, patterns) or any(variable is own for layer in layers for own in layer.trainable_variables)
