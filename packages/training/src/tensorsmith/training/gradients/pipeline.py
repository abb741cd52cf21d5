"""Gradient pipeline of a trainer: the stages that gradients pass through before the optimizer updates the weights."""

from contextlib import AbstractContextManager
from functools import partial

import keras

from tensorsmith.training.distribution.replicas import is_distributed
from tensorsmith.training.gradients.accumulate import Accumulate, without_accumulation
from tensorsmith.training.gradients.all_reduce import all_reduce, keep_on_first_replica
from tensorsmith.training.gradients.defer import Defer
from tensorsmith.training.gradients.norm import record
from tensorsmith.training.gradients.optimizers import accumulates, needs_global_gradients, optimizer_attributes
from tensorsmith.training.gradients.routed_optimizer import Route, routed
from tensorsmith.training.gradients.stage import Stage


class GradientPipeline:
    """Gradient pipeline of a trainer.

    The stages are, each only if it is needed: defer the update, sum the gradients over replicas, record them for their
    norm, accumulate them over steps, and leave the global gradient to the first replica. The optimizer then clips the
    gradients and updates the weights. On a single device, Keras accumulates gradients.

    Args:
        owner: Trainer that has the optimizers as attributes. The attributes of its layers are also searched for
            optimizers.
        model: Model that the trainer trains.
        records: If `True`, record the gradients that are passed to the optimizer of the model.
    """

    def __init__(self, owner: object, model: keras.Model, *, records: bool = False) -> None:
        self._owner = owner
        self._model = model
        self._records = records

    def routed(self) -> AbstractContextManager[None]:
        """Returns a context manager for tracing, in which the gradients of all optimizers pass through their stages."""
        recorded = self._model.optimizer if self._records else None
        return routed(
            optimizer_attributes(self._owner), lambda optimizer: self._route(optimizer, optimizer is recorded)
        )

    def _route(self, optimizer: keras.optimizers.Optimizer, records: bool) -> Route:
        strategy = self._model.distribute_strategy
        accumulated = is_distributed(strategy) and accumulates(optimizer)
        whole = strategy.num_replicas_in_sync > 1 and (records or needs_global_gradients(optimizer))
        stages: list[Stage] = [Defer(optimizer)]
        if whole:
            stages.append(all_reduce)
        if records:
            stages.append(record)
        if accumulated:
            stages.append(Accumulate(optimizer))
        if whole:
            scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
            stages.append(partial(keep_on_first_replica, overflow_on_all=scales))
        return Route(stages, without_accumulation(optimizer) if accumulated else optimizer)
