"""Run of a recipe as its functions see it: folder, seed, history, and further trainings."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorsmith.core import check, replace_file
from tensorsmith.recipes.recorded.weights import recorded_model
from tensorsmith.recipes.single_training import TrainingResult, preserved_random_state, train_once

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

    from tensorsmith.training import Trainer

log = logging.getLogger("tensorsmith.recipes")


class RecipeRun:
    """Run of a recipe, which is passed to its functions `prepare` and `report`.

    Args:
        config: Configuration of the run.
        folder: Folder for figures and other files.
        trainings: Folder in which the results of `train` and `trained` are stored.
        train_recipe: Function that takes the name of a recipe, fields of its configuration and a run folder, and
            returns its trained model.
        history: Mapping from the names of metrics to their values after each epoch. It is empty in `prepare`.
        prepared: Values that `prepare` has returned.

    Attributes:
        folder: Folder for figures and other files.
        history: Mapping from the names of metrics to their values after each epoch.
        prepared: Values that `prepare` has returned.
    """

    def __init__(
        self,
        config: Any,
        folder: Path,
        trainings: Path,
        train_recipe: "Callable[[str, Mapping[str, Any], Path], keras.Model]",
        history: Mapping[str, Sequence[float]] | None = None,
        prepared: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.history = {name: list(values) for name, values in (history or {}).items()}
        self.prepared = dict(prepared or {})
        self._config, self._trainings, self._train_recipe = config, trainings, train_recipe

    @property
    def seed(self) -> int:
        """Random seed of the run."""
        seed: int = self._config.seed
        return seed

    def save_figure(self, figure: "Figure", name: str) -> None:
        """Write a figure to the folder of the run.

        Args:
            figure: Matplotlib figure.
            name: Name of the file, such as "forecasts.png".
        """
        with replace_file(self.folder / name) as draft:
            figure.savefig(draft, dpi=120)

    def train(
        self,
        name: str,
        trainer: "Trainer | keras.Model",
        data: Mapping[str, Any],
        *,
        epochs: int,
        batch_size: int = 32,
        callbacks: "Sequence[keras.callbacks.Callback]" = (),
    ) -> TrainingResult:
        """Train another model than that of the recipe, such as a teacher, an encoder or the model of a fold.

        The training shows a progress bar, writes `history.csv` and `curves.png`, and is resumed if it is interrupted.
        It happens once: when the run is resumed or evaluated, only the weights are restored.

        Args:
            name: Name of the training, which is unique in the run.
            trainer: Trainer of the model, or a compiled model to train it with Keras `fit`.
            data: Mapping from "train" and, optionally, "validation" to data, as `build_data` returns it.
            epochs: Number of passes over the training data.
            batch_size: Number of examples per step.
            callbacks: Keras callbacks.

        Raises:
            ValueError: If the name or the data are invalid.
        """
        check(name.isidentifier(), "name", name, "an identifier, such as teacher")
        log.info("Training %s.", name)
        return train_once(self._trainings / name, trainer, data, epochs, batch_size, callbacks, self.seed)

    def trained(self, name: str, **fields: Any) -> "keras.Model":
        """Return the trained model of another recipe.

        It is trained once, with its own progress bar, checkpoints and run folder.

        Args:
            name: Name of the recipe, such as "autoencoder/stacked".
            **fields: Fields of its configuration that differ from the defaults. The seed defaults to that of the run.
                With a fixed seed, all runs of a comparison share the model.

        Raises:
            ValueError: If the recipe does not exist, or a field is invalid.
        """
        values = fields if "seed" in fields else {"seed": self.seed, **fields}
        digest = hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()
        with preserved_random_state():
            return self._train_recipe(name, values, self._trainings / f"{name.replace('/', '-')}-{digest[:8]}")

    def recorded(self, name: str) -> "keras.Model":
        """Return the model of another recipe with the weights that are stored with its results.

        Unlike the model of `trained`, it is the same on all machines, so that scores that it computes are comparable.

        Args:
            name: Name of the recipe, such as "gan/classifier".

        Raises:
            ValueError: If the recipe does not exist or has no recorded weights, or if their file has changed.
        """
        return recorded_model(name)
