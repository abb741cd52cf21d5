"""Compilation of the training and evaluation steps of a trainer."""

from functools import partial
from typing import Any, Protocol

import keras
import tensorflow as tf

from tensorsmith.core import Timeline, check
from tensorsmith.core.types import Logs
from tensorsmith.training.distribution.replicas import check_fits, check_scope, is_distributed
from tensorsmith.training.fit.scheduled import Schedules, bind
from tensorsmith.training.fit.state import training_state
from tensorsmith.training.gradients.norm import norm_of, recorded_gradients
from tensorsmith.training.gradients.pipeline import GradientPipeline
from tensorsmith.training.inputs.sources import BatchSource
from tensorsmith.training.loop.build import build_late_parts
from tensorsmith.training.loop.jit import Jit, jit_is_faster, measured_faster_with_jit, runs_with_jit, supports_jit
from tensorsmith.training.loop.loops import Loops


class StepOwner(Protocol):
    """Object with a training step and an evaluation step, such as a `Trainer`.

    Attributes:
        model: Model that the steps use.
        jit: If `True`, use XLA. If `"auto"` or `"measure"`, the `StepCompiler` chooses.
    """

    model: keras.Model
    jit: Jit

    @property
    def steps_as_keras(self) -> bool:
        """`True` if the training step is the unchanged step of Keras."""

    @property
    def evaluates_as_keras(self) -> bool:
        """`True` if the evaluation step is the unchanged step of Keras."""

    def train_step(self, data: tuple[Any, ...]) -> Logs:
        """Performs one training step on a batch."""

    def test_step(self, data: tuple[Any, ...]) -> Logs:
        """Performs one evaluation step on a batch."""


class StepCompiler:
    """Compiles the steps of a trainer for its data sources.

    The training step is extended by schedules and the gradient norm, if there are any.

    Args:
        owner: Trainer whose methods are the step functions, and whose attributes contain the variables that the steps
            use.
        schedules: Mapping from log names to pairs of a variable and a schedule, which computes the value of the
            variable from the step.
        steps_done: Variable with the number of completed steps, which is passed to the schedules.
        gradient_norm: If `True`, log the global norm of the gradients.
    """

    def __init__(self, owner: StepOwner, schedules: Schedules, steps_done: keras.Variable, gradient_norm: bool) -> None:
        self.model = model = owner.model
        self._owner = owner
        self.schedules = schedules
        self._steps_done = steps_done
        self._gradient_norm = gradient_norm
        self._strategy = model.distribute_strategy
        self._distributed = is_distributed(self._strategy)
        single = isinstance(model.optimizer, keras.optimizers.Optimizer)
        check(single or not gradient_norm, "gradient_norm", gradient_norm, "False for a model without an optimizer")
        step = self._train_step if schedules or gradient_norm else owner.train_step
        pipeline = GradientPipeline(owner, model, records=gradient_norm)
        self._loops = Loops(owner, model, {"train": step, "test": owner.test_step}, pipeline.routed)
        self._timeline: Timeline | None = None
        self._built = False

    @property
    def jit(self) -> bool:
        """`True` if the training step uses XLA."""
        return self._owner.jit is True

    @property
    def checked_model(self) -> keras.Model | None:
        """Model with which the data must be compatible, or `None` if the training step is not the step of Keras."""
        return self.model if self._owner.steps_as_keras else None

    def prepare(self, source: BatchSource, validation: BatchSource | None, timeline: Timeline) -> None:
        """Builds the model, decides whether to use XLA, and compiles the loops for training and validation.

        Args:
            source: Data source for training.
            validation: Data source for validation, or `None`.
            timeline: `Timeline` of the training run to which the schedules are bound.

        Raises:
            ValueError: If a batch cannot be divided among the replicas, if the model or a schedule is incompatible
                with the strategy or the run, or if the model rejects the data.
        """
        replicas = self.model.distribute_strategy.num_replicas_in_sync
        fits = source.batch_size % replicas == 0 or source.steps == 1
        check(fits, "batch_size", source.batch_size, f"a multiple of the number of replicas ({replicas})")
        schedules = [schedule for _, schedule in self.schedules.values()]
        if bind(self._owner, schedules, timeline) and timeline != self._timeline:
            self._loops.forget()  # values captured during tracing have changed
        self._timeline = timeline
        self._build(source, self._owner.steps_as_keras)
        if validation is not None:
            self._build(validation, self._owner.evaluates_as_keras)
        if self._owner.jit in ("auto", "measure"):
            self._owner.jit = self._choose_jit(source, timeline)
        self.compile(source)
        if validation is not None:
            validation.compile(self._loops, "test", jit=False)

    def prepare_evaluation(self, source: BatchSource) -> None:
        """Builds the model and compiles the loop for evaluation."""
        self._build(source, self._owner.evaluates_as_keras)
        source.compile(self._loops, "test", jit=False)

    def compile(self, source: BatchSource) -> None:
        """Compiles the training loop for a data source and for the layers that are currently trainable."""
        source.compile(self._loops, "train", self.jit and not self._distributed)

    def state(self) -> list[tf.Variable]:
        """Returns all variables that define the training state."""
        return training_state(self._owner, self._loops.variables())

    def random_ops(self) -> set[str]:
        """Returns the types of stateful random ops in the traced steps. The state of these ops cannot be saved."""
        return self._loops.drawing()

    def _build(self, source: BatchSource, as_keras: bool) -> None:
        check_scope(self.model, self._strategy)
        if hasattr(self.model, "check_data"):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(source.example)
            self.model.check_data(x, y)
        if as_keras and not self._built:  # custom steps decide themselves what to build
            with self.model.distribute_strategy.scope():
                build_late_parts(self.model, source.example, source.batch_size)
            self._built = True
        if self._distributed:
            check_fits(self._owner, self.model, self.jit)

    def _train_step(self, data: tuple[Any, ...]) -> Logs:
        for variable, schedule in self.schedules.values():
            variable.assign(schedule(self._steps_done))
        if self._gradient_norm:
            with recorded_gradients() as gradients:
                logs = self._owner.train_step(data)
            logs = {**logs, "gradient_norm": norm_of(gradients, self.model.optimizer)}
        else:
            logs = self._owner.train_step(data)
        self._steps_done.assign_add(1)
        return logs

    def _choose_jit(self, source: BatchSource, timeline: Timeline) -> bool:
        """Returns `True` if XLA should compile the training step."""
        measures = self._owner.jit == "measure"
        if not supports_jit(self.model) or not (source.fixed_shapes or measures):  # XLA compiles again for each shape
            return False
        warm_up_source = source.warm_up_source()

        def run(jit: bool, steps: int) -> int:
            warm_up_source.compile(self._loops, "train", jit)
            warm_up_source.begin(0)
            return warm_up_source.run(0, steps)[0]

        plain, compiled = partial(run, False), partial(run, True)
        # This creates all variables of the training state.
        graphs = self._loops.graphs_of(lambda: warm_up_source.compile(self._loops, "train", jit=False))
        if measures:
            return measured_faster_with_jit(plain, compiled, self.state())
        faster = jit_is_faster(graphs, source.batch_size, timeline.total_steps)
        return faster and runs_with_jit(compiled, self.state())
