"""The forms of a recipe, as the packages that train recipes see them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from tensorsmith.core.errors import Verbatim, check

if TYPE_CHECKING:
    import keras
    import numpy as np

Scores = dict[str, dict[str, float]]  # split, such as "test", to measures


def _no_callbacks(config: Any, folder: Path) -> Sequence["keras.callbacks.Callback"]:
    return ()


def _no_scores(config: Any, trainer: Any, data: Mapping[str, Any], folder: Path) -> Scores:
    return {}


def _whole_model(trainer: Any) -> "keras.Model":
    return trainer.model


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The parts that recipes of every form have.

    Attributes:
        config_class: Frozen dataclass with the settings, `seed` among them.
        smoke: Fields of a tiny configuration that trains in seconds.
        variants: For a comparison, the fields that each variant changes, by the variant's name.
    """

    config_class: type[Any]
    smoke: Mapping[str, Any] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SupervisedRecipe(Recipe):
    """A recipe that fits a model to data.

    Attributes:
        build_data: Takes a configuration; returns a dataset, or a tuple of features, targets and sample weights, for
            "train" and, where there are some, "validation" and "test".
        build_trainer: Takes a configuration; returns a `tensorsmith.training.Trainer`.
        callbacks: Takes a configuration and the run folder; returns Keras callbacks.
        report: Takes a configuration, the trained trainer, the data and the run folder; returns further scores.
        model_to_save: Takes the trained trainer; returns the model that is saved, by default the trainer's.
    """

    build_data: Callable[[Any], Mapping[str, Any]]
    build_trainer: Callable[[Any], Any]
    callbacks: Callable[[Any, Path], Sequence["keras.callbacks.Callback"]] = _no_callbacks
    report: Callable[[Any, Any, Mapping[str, Any], Path], Scores] = _no_scores
    model_to_save: Callable[[Any], "keras.Model"] = _whole_model


class RecipeRun(Protocol):
    """The log and checkpoints that a procedure gets from its run.

    Attributes:
        folder: The run folder, for figures and other files.
        seed: Seed of everything random.
        epoch: Number of completed epochs; above 0 after a resume.
    """

    folder: Path
    seed: int
    epoch: int

    def restore(self) -> Mapping[str, "np.ndarray"] | None:
        """Return the state of the last completed epoch; `None` at the start of a run."""

    def end_epoch(self, scores: Mapping[str, float], state: Mapping[str, "np.ndarray"]) -> None:
        """Log the scores of an epoch and save the state that a resumed run starts from."""


@dataclass(frozen=True, kw_only=True)
class ProcedureRecipe(Recipe):
    """A recipe with a training procedure of its own, such as the perceptron rule.

    Attributes:
        train: Takes a configuration and a `RecipeRun`; returns scores.
    """

    train: Callable[[Any, RecipeRun], Scores]


def recipe_of(module: ModuleType) -> SupervisedRecipe | ProcedureRecipe:
    """Return the recipe that a module defines.

    Args:
        module: A module with `Config` and either `build_data` and `build_trainer` (a supervised recipe), or `train` (a
            procedure). `SMOKE`, `VARIANTS`, `callbacks`, `report` and `model_to_save` are optional.

    Raises:
        ValueError: A required part is missing.

    Example:
        >>> import dataclasses, types
        >>> @dataclasses.dataclass(frozen=True)
        ... class Config:
        ...     seed: int = 0
        >>> module = types.ModuleType("mine")
        >>> module.Config, module.train = Config, lambda config, run: {"test": {"accuracy": 1.0}}
        >>> recipe_of(module).train(Config(), None)
        {'test': {'accuracy': 1.0}}
    """
    parts = vars(module)
    required = ("Config", "train") if "train" in parts else ("Config", "build_data", "build_trainer")
    missing = [name for name in required if name not in parts]
    received = Verbatim(f"{module.__name__} without {' and '.join(missing)}")
    check(not missing, "recipe", received, f"a module that defines {', '.join(required)}")
    common = {
        "config_class": parts["Config"],
        "smoke": parts.get("SMOKE", {}),
        "variants": parts.get("VARIANTS", {}),
    }
    if "train" in parts:
        return ProcedureRecipe(train=parts["train"], **common)
    optional = {name: parts[name] for name in ("callbacks", "report", "model_to_save") if name in parts}
    return SupervisedRecipe(build_data=parts["build_data"], build_trainer=parts["build_trainer"], **optional, **common)
