"""Optimizer whose gradients pass through the stages of a pipeline before the update."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import wrapt

from tensorsmith.core.keras_internals import built_variables
from tensorsmith.training.gradients.stage import Pairs, Stage, Update


@dataclass(frozen=True)
class Route:
    """Stages that gradients pass through, and the optimizer that receives them.

    Attributes:
        stages: Stages in processing order.
        optimizer: Optimizer that updates the variables at the end.
    """

    stages: Sequence[Stage]
    optimizer: keras.optimizers.Optimizer

    def follow(self, pairs: Pairs, update: Update) -> None:
        """Passes gradients through the stages. The last stage passes them to the update."""
        for stage in reversed(self.stages):
            update = partial(stage, update)
        update(pairs)


class RoutedOptimizer(wrapt.ObjectProxy):  # type: ignore[type-arg]
    """Stands for an optimizer while a step is traced, and passes gradients through a pipeline before the update.

    All attributes, including the type, are those of the optimizer, which remains unchanged.

    Args:
        optimizer: Optimizer that the step uses.
        route: `Route` that contains the stages and the optimizer that updates the variables.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer, route: Route) -> None:
        super().__init__(optimizer)
        self._self_route = route

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None, **options: Any) -> None:
        """Passes gradients through the pipeline, which ends with `apply` of the optimizer."""
        if trainable_variables is None and not self.built:
            self.__wrapped__.apply(grads)  # raises the error of Keras
        variables = built_variables(self.__wrapped__) if trainable_variables is None else list(trainable_variables)

        def update(pairs: Pairs) -> None:
            self._self_route.optimizer.apply([g for g, _ in pairs], [variable for _, variable in pairs], **options)

        self._self_route.follow(list(zip(grads, variables, strict=True)), update)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]], **options: Any) -> Any:
        """Passes gradients through the pipeline, which ends with `apply_gradients` of the optimizer."""
        update = partial(self._self_route.optimizer.apply_gradients, **options)
        self._self_route.follow(list(grads_and_vars), update)
        return self.iterations


@contextlib.contextmanager
def routed(
    attributes: Iterable[tuple[object, str]], route_of: Callable[[keras.optimizers.Optimizer], Route]
) -> Iterator[None]:
    """Context manager in which attributes hold routed optimizers.

    Args:
        attributes: Iterable of pairs of an object and the name of an attribute of the object that holds an optimizer.
            An optimizer that is already routed keeps its route.
        route_of: Function that takes an optimizer and returns its `Route`.
    """
    with contextlib.ExitStack() as stack:
        for holder, name in attributes:
            optimizer = getattr(holder, name)
            if type(optimizer) is not RoutedOptimizer:
                stack.callback(setattr, holder, name, optimizer)
                setattr(holder, name, RoutedOptimizer(optimizer, route_of(optimizer)))
        yield
