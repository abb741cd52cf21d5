"""Creation of the checkpoint writer and the checkpoint settings of a training run."""

from collections.abc import Mapping
from typing import Any

from tensorsmith.core import Duration, Timeline, Verbatim, check
from tensorsmith.training.checkpoint.checkpoints import Keeper
from tensorsmith.training.distribution.worker_group import WorkerGroup
from tensorsmith.training.fit.options import Start
from tensorsmith.training.fit.recurring import Recurring
from tensorsmith.training.fit.run import VARIABLE, Saving
from tensorsmith.training.fit.state import check_same, described
from tensorsmith.training.loop.step_compiler import StepCompiler

FIRST_CHECKPOINT = 10.0  # maximum number of seconds before the first checkpoint after the initial one


def make_saving(
    steps: StepCompiler, start: Start, timeline: Timeline, worker_group: WorkerGroup, monitor: str
) -> Saving | None:
    """Returns the checkpoint settings and writer of a run, after validating the checkpoint to resume from.

    Args:
        steps: `StepCompiler` of the run, whose variables are saved.
        start: `Start` instance with the arguments of `fit`, the checkpoint settings, and the checkpoint to resume from.
        timeline: `Timeline` of the training run, which contains the number of steps per epoch, the batch size and the
            total number of steps.
        worker_group: Worker group, whose chief writes the checkpoints.
        monitor: Name of the score to monitor if the checkpoint settings do not specify one.

    Returns:
        The `Saving`, or `None` for no checkpoints.

    Raises:
        ValueError: If a step cannot be repeated exactly, or if the checkpoint belongs to another run.
    """
    checkpoints, saved = start.checkpoints, start.saved
    if checkpoints is None:
        return None
    every = Recurring(Duration.parse(checkpoints.every), timeline, "every", FIRST_CHECKPOINT)
    drawing = sorted(steps.random_ops())
    received = Verbatim(
        f"a training step with the stateful random op {', '.join(drawing)}, which cannot be checkpointed"
    )
    remedy = "use the functions of keras.random with a `keras.random.SeedGenerator`"
    check(not drawing, "checkpoints", received, "None for training steps with stateful random ops", remedy)
    variables = steps.state()
    state = described(steps.model, variables)
    data = {"batch_size": timeline.batch_size, "steps": timeline.steps_per_epoch}
    if saved is not None:
        check_same(saved.metadata["state"], state, str(saved.path))
        there = saved.metadata["data"]
        received = Verbatim(f"a batch size of {data['batch_size']} and {data['steps']} steps per epoch")
        before = f"{there['batch_size']} and {there['steps']} steps per epoch"
        expected = f"have a batch size of {before}, as in the run to resume"
        check(_same_data(there, data), "x", received, expected)
        stored = [saved.values.get(VARIABLE.format(i)) for i in range(len(variables))]
        forms = [(variable.shape.as_list(), variable.dtype.as_numpy_dtype) for variable in variables]
        valid = [value is not None and (list(value.shape), value.dtype.type) for value in stored] == forms
        remedy = "remove the checkpoint to resume from the previous one"
        received = Verbatim(f"{saved.path}, whose variables differ from their description")
        check(valid, "checkpoint", received, "undamaged", remedy)
    keeper = Keeper(checkpoints, checkpoints.monitor or monitor) if worker_group.chief else None
    metadata = {"seed": start.seed, "jit": steps.jit, "state": state, "data": data}
    return Saving(keeper, every, variables, metadata, saved)


def _same_data(there: Mapping[str, Any], here: Mapping[str, Any]) -> bool:
    """Returns `True` if two runs have the same batch size and, if known, the same number of steps per epoch."""
    steps = (there["steps"], here["steps"])
    return there["batch_size"] == here["batch_size"] and (None in steps or steps[0] == steps[1])
