"""Settings of a hyperparameter search."""

import dataclasses
import difflib
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from tensorsmith.core import ArgumentError, argument_error, check, did_you_mean, is_integer
from tensorsmith.runs import LARGER_IS_BETTER, SMALLER_IS_BETTER, SupervisedRecipe, best_direction
from tensorsmith.tuning.space import Choice, Range, check_conditions

TUNERS = ("random", "hyperband", "bayesian", "grid")
ON_ERROR = ("fail", "stop")
METRIC_WORDS = LARGER_IS_BETTER | SMALLER_IS_BETTER


class SearchError(ArgumentError):
    """Error raised if a problem would make all trials of a search fail."""


class UnknownObjectiveError(SearchError):
    """Error raised if the objective is not a logged metric."""


@dataclasses.dataclass(frozen=True)
class Search:
    """Settings of a hyperparameter search.

    Args:
        recipe: Recipe to train. Use `tensorsmith.runs.recipe_of` to create a recipe from a module.
        config: Frozen dataclass with the settings of the recipe, including `epochs`, `batch_size` and `seed`. Fields
            that are not searched keep these values. `seed` is also the random seed of the search.
        space: Mapping from field names to search ranges.
        objective: Name of the metric to optimize, as in the training history.
        direction: "min" if smaller values of the objective are better, or "max" if larger values are better. If `None`,
            the direction is inferred from the name of the objective.
        tuner: Search algorithm: "random", "hyperband" (trains many configurations for few epochs, and the best ones
            again for more epochs), "bayesian" (fits a probabilistic model of the score and samples configurations with
            the best predicted scores), or "grid" (tries all combinations of options, integers and 5 values of each
            range of floats).
        trials: Number of configurations to try. A grid may have fewer.
        folds: Number of cross-validation folds. The score of a trial is the mean over the folds, each evaluated with a
            model that is trained on the other folds. If 0, the score is computed on the validation data.
        patience: Number of epochs without improvement after which a trial is stopped. If 0, trials are not stopped
            early.
        keep_best: Number of best trials whose models are kept on disk.
        on_error: Effect of an exception in the code of the recipe: "fail" (the trial fails, and the search stops only
            if three consecutive trials fail at the same line) or "stop" (the search stops). A trial fails in both cases
            if it diverges, runs out of memory, or raises `ArgumentError` or `keras_tuner.errors.FailedTrialError`.
            `keras_tuner.errors.FatalError` stops the search in both cases.
        used: Function that takes values of all hyperparameters and returns the names of those that matter with these
            values. A grid has one combination of them. If `None`, all of them matter.

    Raises:
        ValueError: If an argument is out of range, or if the space contains unknown fields or conditions that cannot
            hold.
    """

    recipe: SupervisedRecipe
    config: Any
    space: Mapping[str, Range]
    objective: str = "val_loss"
    direction: Literal["min", "max"] | None = None
    tuner: Literal["random", "hyperband", "bayesian", "grid"] = "random"
    trials: int = 20
    folds: int = 0
    patience: int = 10
    keep_best: int = 3
    on_error: Literal["fail", "stop"] = "fail"
    used: Callable[[Mapping[str, Any]], Collection[str]] | None = None

    def __post_init__(self) -> None:
        check(bool(self.space), "space", dict(self.space), "a non-empty dict of hyperparameters")
        fields = [field.name for field in dataclasses.fields(self.config)]
        for name in self.space:
            guess = did_you_mean(name, fields) or f"use one of the fields {', '.join(fields)}"
            check(name in fields, "space", name, "contain only fields of the configuration", guess)
        check_conditions(self.space)
        guess = did_you_mean(str(self.tuner), TUNERS)
        check(self.tuner in TUNERS, "tuner", self.tuner, f"one of {', '.join(TUNERS)}", guess)
        guess = did_you_mean(str(self.on_error), ON_ERROR)
        check(self.on_error in ON_ERROR, "on_error", self.on_error, f"one of {', '.join(ON_ERROR)}", guess)
        check(self.direction in (None, "min", "max"), "direction", self.direction, '"min" or "max"')
        for name in ("trials", "folds", "patience", "keep_best"):
            check(isinstance(getattr(self, name), int), name, getattr(self, name), "an integer")
        check(self.trials >= 1, "trials", self.trials, ">= 1")
        check(self.folds == 0 or self.folds >= 2, "folds", self.folds, "0 or an integer >= 2")
        check(self.patience >= 0, "patience", self.patience, "a non-negative integer")
        check(self.keep_best >= 1, "keep_best", self.keep_best, ">= 1")
        for epochs in self.space.get("epochs", Choice((self.config.epochs,))).probes:
            check(is_integer(epochs) and epochs >= 1, "epochs", epochs, "an integer >= 1")
        for size in self.space.get("batch_size", Choice((self.config.batch_size,))).probes:
            check(not is_integer(size) or size >= 1, "batch_size", size, ">= 1")  # the recipe interprets other values
        hyperband = self.tuner == "hyperband"
        remedy = "use another `tuner` to search `epochs`, which hyperband sets itself"
        check(
            not (hyperband and "epochs" in self.space),
            "space",
            "epochs",
            "not contain `epochs` with hyperband",
            remedy,
        )
        check(
            not (hyperband and self.folds),
            "folds",
            self.folds,
            "0 with hyperband",
            "use another `tuner` for cross-validation",
        )
        check(isinstance(self.objective, str), "objective", self.objective, "the name of a metric")
        known_words = _with_known_words(self.objective)
        guess = "" if known_words == self.objective else f"Did you mean the objective {known_words}?"
        check(
            bool(self.best),
            "direction",
            self.direction,
            f"'min' or 'max' if it cannot be inferred from {self.objective}",
            guess,
        )

    @property
    def best(self) -> Literal["min", "max", ""]:
        """Direction of optimization: "min", "max", or an empty string if the direction is unknown."""
        return self.direction or best_direction(self.objective)

    def check_logged(self, logs: Mapping[str, Any]) -> None:
        """Raises an error if the objective is not logged during training.

        Raises:
            UnknownObjectiveError: If the objective is not in `logs`.
        """
        if self.objective not in logs:
            guess = did_you_mean(self.objective, logs)
            error = argument_error("objective", self.objective, f"one of {', '.join(sorted(logs))}", guess)
            raise UnknownObjectiveError.like(error)


def _with_known_words(objective: str) -> str:
    """Returns an objective in which misspelled words are replaced by similar words from metric names."""

    def nearest(match: re.Match[str]) -> str:
        return next(iter(difflib.get_close_matches(match[0], METRIC_WORDS, n=1, cutoff=0.75)), match[0])

    return re.sub("[a-z0-9]+", nearest, objective)
