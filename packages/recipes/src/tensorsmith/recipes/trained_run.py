"""Evaluation, predictions and export of a trained run."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tensorsmith.core import (
    ArgumentError,
    Scores,
    SupervisedRecipe,
    Verbatim,
    argument_error,
    check,
    load_tensorflow,
    register,
)
from tensorsmith.core.types import NestedArrays
from tensorsmith.recipes.catalog import RecipeFile
from tensorsmith.recipes.configuration import read_yaml, recipe_in
from tensorsmith.recipes.prediction_files import read_examples, read_inputs
from tensorsmith.recipes.run_folder import RunFolder
from tensorsmith.recipes.running import build, precision, scores_of
from tensorsmith.recipes.settings import resolve_run

if TYPE_CHECKING:
    import keras


class TrainedRun:
    """Trained model in a run folder.

    Args:
        path: Path of the run folder.

    Attributes:
        folder: Run folder.
        file: Recipe file.
        config: Configuration of the run.

    Raises:
        ValueError: If the folder does not contain a trained model.
    """

    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(path)
        expected = "a run folder, which contains config.yaml"
        check((path / "config.yaml").is_file(), "run", str(path), expected, "pass the folder that `run` has printed")
        values = read_yaml(path / "config.yaml")
        self.file: RecipeFile = recipe_in(values)
        self.config, self._settings = resolve_run(self.file, values)
        trained = (path / "model.keras").is_file()
        remedy = f"finish the run with `tensorsmith run {self.file.name} --out {path} --resume`"
        check(trained, "run", Verbatim(f"{path} without model.keras"), "the folder of a run with a saved model", remedy)

    def load_model(self) -> "keras.Model":
        """Return the model of the run."""
        load_tensorflow()
        register()
        import keras

        recipe, path = self.file.recipe, self.folder.path / "model.keras"  # the file may define layers of the model
        try:
            model: keras.Model = keras.saving.load_model(path, compile=False)
        except TypeError:  # a class that the functions of the recipe define, because they import Keras
            if not isinstance(recipe, SupervisedRecipe):
                raise
            recipe.build_trainer(self.config)
            model = keras.saving.load_model(path, compile=False)
        return model

    def evaluate(self, data: Path | None = None) -> Scores:
        """Return the scores of the model on the splits of the recipe, or on the examples in a file.

        Args:
            data: NumPy file with the arrays `x`, `y` and, optionally, `sample_weight`, or `None` for the validation and
                test data of the recipe.

        Raises:
            ValueError: If the recipe has its own training procedure, or if the file cannot be used for evaluation.
        """
        recipe = self.file.recipe
        if not isinstance(recipe, SupervisedRecipe):
            raise argument_error("run", self.file.name, "a run of a recipe that defines build_trainer")
        examples = None if data is None else read_examples(data)
        saved = self.load_model()
        with precision(self._settings.precision):
            splits, trainer = build(recipe, self.config)
            model = recipe.model_to_save(trainer)
            if not model.built:
                model.build_from_config(saved.get_build_config())
            model.set_weights(saved.get_weights())
            whole = model is trainer.model
            if examples is not None:
                check(whole, "data", str(data), "None, because the recipe does not save the whole model")
                return {"data": trainer.evaluate(**examples, batch_size=self.config.batch_size)}
            with tempfile.TemporaryDirectory() as scratch:  # for the figures of the report
                return scores_of(recipe, self.config, trainer, splits, Path(scratch), whole)

    def predict(self, inputs: Path) -> NestedArrays:
        """Return the predictions of the model for the examples in a file.

        Args:
            inputs: `.npy`, `.npz`, CSV, TSV or Parquet file.

        Raises:
            ValueError: If the file does not contain the inputs of the model.
        """
        model = self.load_model()
        predictions: NestedArrays = model.predict(read_inputs(inputs, model), verbose=0)
        return predictions

    def export(self, target: Path, tflite: bool = False) -> None:
        """Write the model as a SavedModel that does not require tensorsmith, and optionally as a TFLite file.

        Args:
            target: Folder to create. It must not exist or be empty.
            tflite: If `True`, also write `model.tflite` to the folder, for a batch size of 1.

        Raises:
            ValueError: If the folder is not empty, or if TFLite does not support the model.
        """
        empty = not target.exists() or (target.is_dir() and not any(target.iterdir()))
        check(empty, "folder", str(target), "an empty or new folder", "pass another folder")
        from tensorsmith.training import export

        model = self.load_model()
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as scratch:
            draft = Path(scratch) / "model"
            export(model, draft)
            if tflite:
                try:
                    export(model, draft / "model.tflite")
                except ArgumentError:
                    raise
                except Exception as error:
                    policies = ", ".join(sorted({layer.dtype_policy.name for layer in model.layers}))
                    received = Verbatim(f"{self.file.name} with layers of the dtype policy {policies}")
                    remedy = f"export without --tflite, or train in float32. TFLite reports: {_first_line(error)}"
                    expected = "used with a model that TFLite supports"
                    raise argument_error("--tflite", received, expected, remedy) from error
            draft.replace(target)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
