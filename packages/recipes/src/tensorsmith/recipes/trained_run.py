"""Evaluation, predictions and export of a trained run."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tensorsmith.core import (
    ArgumentError,
    UnreadableFileError,
    Verbatim,
    argument_error,
    check,
    load_tensorflow,
    register,
    temporary_folder,
)
from tensorsmith.core.types import NestedArrays
from tensorsmith.recipes.catalog import RecipeFile
from tensorsmith.recipes.configuration import read_yaml, recipe_in, resolve_run
from tensorsmith.recipes.evaluation import ClassReport, Evaluation, assess
from tensorsmith.recipes.evaluation_figure import plot_report
from tensorsmith.recipes.prediction_files import Predictions, read_examples, read_inputs
from tensorsmith.recipes.preparation import Preparation, preparation_folder
from tensorsmith.recipes.run_folder import RunFolder
from tensorsmith.recipes.running import build, precision, report_run, scores_of, train_recipe
from tensorsmith.recipes.single_training import as_arguments
from tensorsmith.recipes.trust import check_code_fields, check_content
from tensorsmith.runs import Scores, SupervisedRecipe

if TYPE_CHECKING:
    import keras

    from tensorsmith.training import Trainer


class TrainedRun:
    """Trained model in a run folder.

    Args:
        path: Path of the run folder.
        model: "final" for the model at the end of the run, `model.keras`, or "best" for that of the epoch with the best
            value of the metric of `--save-best`, `best.keras`.
        trust: If `True`, use code that the run folder names: a recipe file outside of the current folder, and modules
            of a `HubLayer`. A recipe in the catalog, or in the current folder and outside of the run folder, is always
            used.

    Attributes:
        folder: Run folder.
        file: Recipe file.
        config: Configuration of the run.

    Raises:
        ValueError: If the folder does not contain the trained model, or names code that is not trusted.
    """

    def __init__(self, path: Path, model: Literal["final", "best"] = "final", trust: bool = False) -> None:
        check(model in ("final", "best"), "model", model, "final or best")
        self._is_best, self._trust = model == "best", trust
        self.folder = RunFolder(path)
        expected = "a run folder, which contains config.yaml"
        check((path / "config.yaml").is_file(), "run", str(path), expected, "pass the folder that `run` has printed")
        values = read_yaml(path / "config.yaml")
        self.file: RecipeFile = recipe_in(values, path, trust)
        if not trust:
            check_content(path)
            check_code_fields(self.file.declaration, values, path / "config.yaml")
        config, self._settings = resolve_run(self.file, values)
        self.config = self.file.recipe.configure(config)
        trained = (path / "model.keras").is_file()
        remedy = f"finish the run with `tensorsmith run {self.file.name} --out {path} --resume`"
        check(trained, "run", Verbatim(f"{path} without model.keras"), "the folder of a run with a saved model", remedy)
        saves_best = not self._is_best or (path / "best.keras").is_file()
        remedy = "train with `--save-best METRIC`"
        check(
            saves_best, "run", Verbatim(f"{path} without best.keras"), "the folder of a run with a best model", remedy
        )

    def load_model(self) -> "keras.Model":
        """Return the model of the run.

        Raises:
            UnreadableFileError: If the file of the model is damaged, or contains code and the run is not trusted.
        """
        load_tensorflow()
        register()
        import keras

        path = self.folder.path / ("best.keras" if self._is_best else "model.keras")
        load = partial(keras.saving.load_model, path, compile=False, safe_mode=not self._trust)
        try:
            model = load()
        except Exception as error:  # the errors of Keras for damaged files are of all types
            remedy = "" if self._trust else ", or with --trust if you trust its source and it contains code"
            reason = f"{type(error).__name__}: {_first_line(error)}"
            if isinstance(error, ArgumentError):
                reason = error.received
            said = f"{path} could not be loaded ({reason})"
            raise UnreadableFileError(f"{said}. Try again with an intact file{remedy}.") from error
        if not isinstance(model, keras.Model):  # Keras saves layers, optimizers and losses as well
            received = Verbatim(f"{path}, which contains {type(model).__name__}")
            raise UnreadableFileError.like(argument_error("run", received, "a folder with a saved keras.Model"))
        return model

    def evaluate(self, data: Path | None = None) -> Scores:
        """Return the scores of the model on the splits of the recipe, or on the examples in a file.

        Args:
            data: NumPy file with the arrays `x`, `y` and, optionally, `sample_weight`, or `None` for the validation and
                test data of the recipe.

        Raises:
            ValueError: If the recipe has its own training procedure, or if the file cannot be used for evaluation.
        """
        return self.evaluate_in_detail(data).scores

    def evaluate_in_detail(self, data: Path | None = None) -> Evaluation:
        """Return the scores of the model, and a report by class or the residuals of a regression.

        The report is on the test data of the recipe or, if there are none, on its validation data.

        Args:
            data: File as for `evaluate`.

        Raises:
            ValueError: If the recipe has its own training procedure, or if the file cannot be used for evaluation.
        """
        if not self.file.supervised:
            raise argument_error("run", self.file.name, "a run of a recipe that defines build_trainer")
        preparation = Preparation(self.file, preparation_folder(self.folder.path), train_recipe, self._trust)
        recipe = preparation.recipe
        examples = None if data is None else read_examples(data)
        saved = self.load_model()
        with precision(self._settings.precision):
            splits, trainer = build(recipe, self.config)
            model = trainer.model if self._is_best else recipe.model_to_save(trainer)
            if not model.built:
                model.build_from_config(saved.get_build_config())
            try:
                model.set_weights(saved.get_weights())
            except ValueError as error:
                received = Verbatim(f"{self.folder.path}, whose weights do not match the model of {self.file.path}")
                remedy = "evaluate the run with the recipe with which it was trained"
                raise UnreadableFileError.like(
                    argument_error("run", received, "a run of the same recipe", remedy)
                ) from error
            whole = model is trainer.model
            # A saved model may contain the trained one, together with layers for preprocessing.
            restored = {id(weight) for weight in trainer.model.weights} <= {id(weight) for weight in model.weights}
            if examples is not None:
                check(whole, "data", str(data), "None, because the recipe does not save the whole model")
                scores: Scores = {"data": self._scores_of_file(trainer, examples, splits, data)}
                split, splits = "data", {"data": (examples["x"], examples["y"])}
            else:
                with tempfile.TemporaryDirectory() as scratch:  # for the figures of the report
                    history = self.folder.read_history()
                    run = report_run(preparation, self.config, self.folder.path, Path(scratch), history)
                    scores = scores_of(recipe, self.config, run, trainer, splits, restored)
                split = next((name for name in ("test", "validation") if name in splits), "")
            usual = restored and bool(split) and trainer.evaluates_as_keras
            report = assess(trainer, splits[split], self.folder.names("classes")) if usual else None
        return Evaluation(scores, split, report)

    def _scores_of_file(
        self, trainer: "Trainer", examples: Mapping[str, Any], splits: Mapping[str, Any], data: Path | None
    ) -> dict[str, float]:
        """Return the scores on the examples in a file, whose targets must be like those of the recipe.

        Raises:
            UnreadableFileError: If the model, its loss or its metrics cannot process the examples.
        """
        import tensorflow as tf

        own = next(map(_target_shape, splits.values()), None)
        given = tuple(examples["y"].shape)
        outputs = getattr(trainer.model, "output_shape", None)
        if own is not None and not _matches(given, own, outputs if isinstance(outputs, tuple) else (None,) * len(own)):
            received = Verbatim(f"{given} in {data}")
            expected = f"the same as in the data of the recipe, {('examples', *own[1:])}".replace("'", "")
            raise UnreadableFileError.like(argument_error("shape of y", received, expected))
        try:
            return trainer.evaluate(**examples, batch_size=self.config.batch_size)
        except ArgumentError:
            raise
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            received = Verbatim(f"{data} ({_reason(error)})")
            expected = "a file whose arrays match the model, its loss and its metrics"
            raise UnreadableFileError.like(argument_error("data", received, expected)) from error

    def plot_report(self, evaluation: Evaluation) -> Path | None:
        """Plot the confusion matrix or the residuals of an evaluation in the run folder.

        Returns:
            The path of the figure, or `None` if the evaluation has no report.
        """
        if evaluation.report is None:
            return None
        kind = "confusion_matrix" if isinstance(evaluation.report, ClassReport) else "residuals"
        suffix = "_of_best" if self._is_best else ""
        path = self.folder.path / f"{evaluation.split}_{kind}{suffix}.png"
        title = f"{self.file.run_name}, {evaluation.split}{', best model' if self._is_best else ''}"
        plot_report(evaluation.report, title, path)
        return path

    def predict(self, inputs: Path) -> NestedArrays:
        """Return the predictions of the model for the examples in a file or folder.

        Args:
            inputs: `.npy`, `.npz`, CSV, TSV or Parquet file; image or folder of images, which are converted to the
                shape of the input of the model, with values in [0, 1]; or TFRecord file, or folder of such files, with
                the `schema.yaml` that `tensorsmith tfrecord convert` writes.

        Raises:
            ValueError: If the file does not contain the inputs of the model.
        """
        return self.predict_in_detail(inputs).outputs

    def predict_in_detail(self, inputs: Path) -> Predictions:
        """Return the predictions of the model, with the names of the classes and of the image files.

        Args:
            inputs: File or folder as for `predict`.

        Raises:
            ValueError: If the file does not contain the inputs of the model.
        """
        model = self.load_model()
        import tensorflow as tf

        examples, files = read_inputs(inputs, model, self.folder.names("columns"), self.folder.schema())
        try:
            outputs = model.predict(examples, verbose=0)
        except tf.errors.ResourceExhaustedError:
            raise
        except (tf.errors.OpError, ValueError) as error:  # records are read while the model processes others
            reason = _reason(error)
            received = Verbatim(reason if str(inputs) in reason else f"{inputs} ({reason})")
            unsuitable = argument_error("input", received, "match the model and, for TFRecord files, schema.yaml")
            raise UnreadableFileError.like(unsuitable) from error
        return Predictions(outputs, self.folder.names("classes"), files)

    def text_generator(self) -> Any:
        """Return the text generator of a language model, a `tensorsmith.seq2seq.TextGenerator`.

        Raises:
            ValueError: If the recipe does not define `generator`.
        """
        recipe = self.file.recipe
        generator = recipe.generator if isinstance(recipe, SupervisedRecipe) else None
        if generator is None:
            raise argument_error("run", self.file.name, "a run of a recipe that defines generator")
        preparation = Preparation(self.file, preparation_folder(self.folder.path), train_recipe, self._trust)
        return generator(self.config, preparation.values(self.config), self.load_model())

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
        parent = target.resolve().parent
        parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(parent) as scratch:
            draft = scratch / "model"
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
            draft.replace(target.resolve())  # a link to an empty folder stays a link


def _target_shape(split: Any) -> tuple[int | None, ...] | None:
    """Return the shape of the targets of a split, or `None` if they are not a single array."""
    import keras

    if isinstance(split, keras.utils.PyDataset):
        split = split[0]
    targets = as_arguments(getattr(split, "element_spec", split))["y"]
    return tuple(targets.shape) if hasattr(targets, "shape") else None


def _matches(given: Sequence[int], own: Sequence[int | None], outputs: Sequence[int | None]) -> bool:
    """Return `True` if two shapes of targets are equal, except for axes of variable size and a last axis of size 1."""
    ours, theirs = (shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape for shape in (own, given))
    variable = {axis for axis, size in enumerate(outputs) if size is None}
    return len(ours) == len(theirs) and all(
        axis in variable or size in (None, theirs[axis]) for axis, size in enumerate(ours)
    )


def _reason(error: Exception) -> str:
    """Return the sentence in an error of Keras or TensorFlow that describes its cause."""
    text = re.sub(r"^.*transformation with iterator: \S+: ", "", str(error)).partition("\n\t [[")[0]
    if text.startswith("Graph execution error"):  # then the locations of the operation in the program, and the cause
        text = text.rpartition("\n")[2]
    in_bold = re.search(r"\x1b\[1m(.+?)\x1b\[0m", text, re.DOTALL)
    return _first_line(str(in_bold[1]) if in_bold else text.partition(" for '{{node")[0])


def _first_line(error: Exception | str) -> str:
    return str(error).strip().partition("\n")[0][:200]
