"""Recipes, which define a model and its training: base classes, and a function that returns a module's recipe."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tensorsmith.core import Verbatim, check

if TYPE_CHECKING:
    import keras

Scores = dict[str, dict[str, float]]  # mapping from splits, such as "test", to the values of their metrics


def _no_callbacks(config: Any, folder: Path) -> Sequence["keras.callbacks.Callback"]:
    return ()


def _no_scores(config: Any, run: Any, trainer: Any, data: Mapping[str, Any]) -> Scores:
    return {}


def _whole_model(trainer: Any) -> "keras.Model":
    return trainer.model


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Base class for recipes, with the attributes that all types of recipes share.

    Attributes:
        config_class: Frozen dataclass of the settings, including `seed`.
        score: Split and name of the main score, such as "test accuracy".
        answer: Answer to the question of the recipe, with fields for the results of its comparison (see
            `tensorsmith.recipes.render_answer`).
        smoke: Field values of a tiny configuration that trains in seconds.
        variants: For a comparison, a mapping from the name of each variant to the fields that it changes. The first
            variant is the baseline.
        grid: For a comparison, a mapping from the fields that are tuned for each variant to their candidate values.
        columns: For a comparison, further scores of its table and figure, such as `"test loss"`.
        code_fields: Names of the fields whose values are paths of files with code, such as SavedModels. Configuration
            files that set them are used if the user trusts them.
    """

    config_class: type[Any]
    score: str = ""
    answer: str = ""
    smoke: Mapping[str, Any] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    columns: Sequence[str] = ()
    code_fields: Sequence[str] = ()

    def configure(self, config: Any) -> Any:
        """Return a configuration as an instance of `config_class`, which is another class after a second import."""
        return self.config_class(**{field.name: getattr(config, field.name) for field in fields(config) if field.init})


@dataclass(frozen=True, kw_only=True)
class SupervisedRecipe(Recipe):
    """Recipe that fits a model to a data set.

    Attributes:
        build_data: Function that takes a configuration and returns a mapping from "train" and, optionally, "validation"
            and "test" to a dataset or a tuple of features, targets and sample weights.
        build_trainer: Function that takes a configuration and returns a `tensorsmith.training.Trainer`.
        prepare: Function that takes a configuration and a `tensorsmith.recipes.RecipeRun` and returns a mapping from
            names to values, such as a vocabulary or a trained encoder, or `None`. If it is defined, `build_data` and
            `build_trainer` take this mapping as their second argument.
        callbacks: Function that takes a configuration and the run folder and returns Keras callbacks.
        report: Function that takes a configuration, a `tensorsmith.recipes.RecipeRun`, the trained trainer and the data
            and returns additional scores.
        model_to_save: Function that takes the trained trainer and returns the model to save. Defaults to the model of
            the trainer.
        generator: Function that takes a configuration, the values of `prepare` and the trained model, and returns a
            `tensorsmith.seq2seq.TextGenerator`.
    """

    build_data: Callable[..., Mapping[str, Any]]
    build_trainer: Callable[..., Any]
    prepare: Callable[[Any, Any], Mapping[str, Any]] | None = None
    callbacks: Callable[[Any, Path], Sequence["keras.callbacks.Callback"]] = _no_callbacks
    report: Callable[[Any, Any, Any, Mapping[str, Any]], Scores] = _no_scores
    model_to_save: Callable[[Any], "keras.Model"] = _whole_model
    generator: Callable[..., Any] | None = None


@dataclass(frozen=True, kw_only=True)
class ProcedureRecipe(Recipe):
    """Recipe with its own training procedure, such as the perceptron learning rule.

    Attributes:
        train: Function that takes a configuration and a `tensorsmith.recipes.ProcedureRun` and returns scores.
    """

    train: Callable[[Any, Any], Scores]


def declared_parts(module: ModuleType) -> dict[str, Any]:
    """Return the arguments of `Recipe` that a module defines as `Config` and upper-case constants."""
    parts = vars(module)
    return {
        "config_class": parts["Config"],
        "score": parts.get("SCORE", ""),
        "answer": parts.get("ANSWER", ""),
        "smoke": parts.get("SMOKE", {}),
        "variants": parts.get("VARIANTS", {}),
        "grid": parts.get("GRID", {}),
        "columns": parts.get("COLUMNS", ()),
        "code_fields": parts.get("CODE_FIELDS", ()),
    }


def recipe_of(module: ModuleType) -> SupervisedRecipe | ProcedureRecipe:
    """Return the recipe that a module defines.

    Args:
        module: Module that defines `Config` and either `build_data` and `build_trainer` (a supervised recipe) or
            `train` (a training procedure). `SCORE`, `ANSWER`, `SMOKE`, `VARIANTS`, `GRID`, `COLUMNS`, `CODE_FIELDS`,
            `prepare`, `callbacks`, `report`, `model_to_save` and `generator` are optional.

    Raises:
        ValueError: If `module` lacks a required definition.

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
    received = Verbatim(f"{module.__name__}, which does not define {' and '.join(missing)}")
    check(not missing, "recipe", received, f"define {' and '.join(required)}")
    common = declared_parts(module)
    if "train" in parts:
        return ProcedureRecipe(train=parts["train"], **common)
    known = "prepare", "callbacks", "report", "model_to_save", "generator"
    optional = {name: parts[name] for name in known if name in parts}
    return SupervisedRecipe(build_data=parts["build_data"], build_trainer=parts["build_trainer"], **optional, **common)
