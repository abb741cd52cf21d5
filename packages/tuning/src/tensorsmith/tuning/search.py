"""What is searched, and how."""

import dataclasses
import difflib
import re
from collections.abc import Mapping
from typing import Any, Literal

from tensorsmith.core import ArgumentError, SupervisedRecipe, argument_error, check, did_you_mean, is_integer
from tensorsmith.tuning.space import Choice, Range, check_conditions

TUNERS = ("random", "hyperband", "bayesian")
LARGER = {"accuracy", "auc", "precision", "recall", "f1", "fbeta", "iou", "map", "bleu", "r2", "score", "likelihood"}
SMALLER = {"loss", "error", "divergence", "distance", "perplexity", "mse", "mae", "rmse", "crossentropy", "entropy"}


class SearchError(ArgumentError):
    """An error in the search itself, which would fail every other trial too."""


class UnknownObjectiveError(SearchError):
    """The objective is not among the scores that training logs."""


@dataclasses.dataclass(frozen=True)
class Search:
    """A search for good hyperparameters.

    Args:
        recipe: The recipe to train; `tensorsmith.core.recipe_of` makes one from a module.
        config: A frozen dataclass with its settings: those that are not searched keep these values. It has `epochs`,
            `batch_size` and `seed`, which the search draws from, too.
        space: Field to what it may be.
        objective: The score, by its name in the history.
        direction: Whether the smallest or the largest score is the best; by default what the objective's name says.
        tuner: "random"; "hyperband", which trains many for few epochs and goes on with the best; "bayesian", which
            models the score and tries where it may be best.
        trials: How many configurations are tried.
        folds: Into how many parts the training set is cut, for cross-validation: each is predicted by a model of the
            others, and the score is the mean. 0 for the score on validation data.
        patience: Epochs without a better score after which a trial ends; 0 for all epochs.
        keep_best: Of how many of the best trials the models stay on disk.

    Raises:
        ValueError: An argument out of range, or a space with names that are no fields or conditions that cannot hold.
    """

    recipe: SupervisedRecipe
    config: Any
    space: Mapping[str, Range]
    objective: str = "val_loss"
    direction: Literal["min", "max"] | None = None
    tuner: Literal["random", "hyperband", "bayesian"] = "random"
    trials: int = 20
    folds: int = 0
    patience: int = 10
    keep_best: int = 3

    def __post_init__(self) -> None:
        check(bool(self.space), "space", dict(self.space), "a hyperparameter or more")
        fields = [field.name for field in dataclasses.fields(self.config)]
        for name in self.space:
            guess = did_you_mean(name, fields) or f"the fields are {', '.join(fields)}"
            check(name in fields, "space", name, "a field of the configuration", guess)
        check_conditions(self.space)
        guess = did_you_mean(str(self.tuner), TUNERS)
        check(self.tuner in TUNERS, "tuner", self.tuner, f"one of {', '.join(TUNERS)}", guess)
        check(self.direction in (None, "min", "max"), "direction", self.direction, '"min" or "max"')
        for name in ("trials", "folds", "patience", "keep_best"):
            check(isinstance(getattr(self, name), int), name, getattr(self, name), "a whole number")
        check(self.trials >= 1, "trials", self.trials, "1 or more")
        check(self.folds == 0 or self.folds >= 2, "folds", self.folds, "2 or more, or 0")
        check(self.patience >= 0, "patience", self.patience, "0 or more")
        check(self.keep_best >= 1, "keep_best", self.keep_best, "1 or more")
        for epochs in self.space.get("epochs", Choice((self.config.epochs,))).probes:
            check(is_integer(epochs) and epochs >= 1, "epochs", epochs, "1 or more")
        for size in self.space.get("batch_size", Choice((self.config.batch_size,))).probes:
            check(not is_integer(size) or size >= 1, "batch_size", size, "1 or more")  # others are the recipe's own
        hyperband = self.tuner == "hyperband"
        remedy = "search them with another tuner"
        check(not (hyperband and "epochs" in self.space), "space", "epochs", "others, as hyperband sets epochs", remedy)
        check(not (hyperband and self.folds), "folds", self.folds, "0 with hyperband, which goes on with one model")
        check(isinstance(self.objective, str), "objective", self.objective, "the name of a score")
        known_words = _with_known_words(self.objective)
        guess = "" if known_words == self.objective else f"did you mean the objective {known_words}?"
        check(bool(self.best), "direction", self.direction, f"min or max, as {self.objective} does not tell", guess)

    @property
    def best(self) -> Literal["min", "max", ""]:
        """Which score is the best; nothing where that is not known."""
        words = set(re.split("[^a-z0-9]+", self.objective.lower()))
        if self.direction or not words & (LARGER | SMALLER):
            return self.direction or ""
        return "min" if words & SMALLER else "max"

    def check_logged(self, logs: Mapping[str, Any]) -> None:
        """Refuses an objective that training does not log.

        Raises:
            UnknownObjectiveError: It is not among these.
        """
        if self.objective not in logs:
            guess = did_you_mean(self.objective, logs)
            error = argument_error("objective", self.objective, f"one of {', '.join(sorted(logs))}", guess)
            raise UnknownObjectiveError(str(error))


def _with_known_words(objective: str) -> str:
    """The name with words that are nearly those of scores put right."""

    def nearest(match: re.Match[str]) -> str:
        return next(iter(difflib.get_close_matches(match[0], LARGER | SMALLER, n=1, cutoff=0.75)), match[0])

    return re.sub("[a-z0-9]+", nearest, objective)
