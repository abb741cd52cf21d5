"""Files of a training run, written atomically."""

import csv
import dataclasses
import importlib.metadata
import io
import json
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tensorsmith.core import UnreadableFileError, Verbatim, argument_error, read_text, replace_file
from tensorsmith.recipes.catalog import RecipeFile
from tensorsmith.recipes.configuration import to_yaml
from tensorsmith.recipes.run_settings import RunSettings

if TYPE_CHECKING:
    import keras

    from tensorsmith.tfrecord import Schema

LARGEST_HISTORY = 20_000_000  # bytes; about 100,000 epochs of 10 metrics


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """Output folder of a training run.

    It contains `config.yaml`, `metrics.json`, `history.csv`, `curves.png`, `model.keras`, and the folders `checkpoints`
    and `tensorboard`. It also contains `best.keras` if the best model is saved, and `names.json` if the classes or
    columns of the data have names, and `schema.yaml` if the data are a table of the user.
    """

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Folder that contains the checkpoints."""
        return self.path / "checkpoints"

    @property
    def finished(self) -> bool:
        """`True` if the run in this folder has finished."""
        return (self.path / "metrics.json").exists()

    def reopen(self) -> None:
        """Mark the run as unfinished, because it is extended."""
        (self.path / "metrics.json").unlink(missing_ok=True)

    def has_progress(self, any_checkpoint: bool) -> bool:
        """Return `True` if an epoch has been completed or values of the recipe have been prepared.

        If `any_checkpoint` is `True`, a checkpoint is sufficient.
        """
        completed = (self.path / "history.csv").exists() or any(self.path.glob("prepared/*/preparation.json"))
        return completed or (any_checkpoint and any(self.checkpoints.glob("*")))

    def completed_epochs(self) -> int:
        """Return the number of epochs in `history.csv`."""
        path = self.path / "history.csv"
        if not path.exists():
            return 0
        try:
            return max(0, len(read_text(path, LARGEST_HISTORY).splitlines()) - 1)
        except ValueError:  # the file is damaged; it is written again when the run is resumed
            return 0

    def write_config(self, recipe: RecipeFile, config: Any, settings: RunSettings) -> None:
        """Write the resolved configuration and the settings that differ from the defaults."""
        self._write("config.yaml", to_yaml(recipe, config) + settings.to_yaml())

    def write_history(self, history: Mapping[str, Sequence[float]]) -> None:
        """Write one row per completed epoch. After an interruption, values of the last epoch may be missing."""
        with replace_file(self.path / "history.csv") as draft, draft.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", *history])
            writer.writerows([epoch + 1, *row] for epoch, row in enumerate(zip(*history.values(), strict=False)))

    def read_history(self) -> dict[str, list[float]]:
        """Return the values of `history.csv`, or an empty mapping if there is no such file.

        Raises:
            UnreadableFileError: If the file is damaged.
        """
        path = self.path / "history.csv"
        if not path.exists():
            return {}
        try:
            file = io.StringIO(read_text(path, LARGEST_HISTORY), newline="")
            _, *names = next(csv.reader(file, strict=True))  # reads the lines of the header only
            if not file.getvalue()[file.tell() :].strip():
                return {}
            columns = np.loadtxt(file, delimiter=",", comments=None, ndmin=2, unpack=True)[1:]
            return {name: column.tolist() for name, column in zip(names, columns, strict=True)}
        except (ValueError, StopIteration, csv.Error) as error:
            received = Verbatim(f"{path}, which is damaged ({error})")
            raise UnreadableFileError.like(argument_error("run", received, "a folder with intact files")) from error

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write the scores and the metadata of the run."""
        self._write("metrics.json", json.dumps(metrics, indent=2) + "\n")

    def names(self, kind: Literal["classes", "columns"]) -> tuple[str, ...]:
        """Return the names of the classes or columns of the data, or an empty tuple if there are none.

        Raises:
            UnreadableFileError: If the file of the names is damaged.
        """
        path = self.path / "names.json"
        try:
            names = json.loads(read_text(path))[kind] if path.exists() else []
            valid = isinstance(names, list) and all(isinstance(name, str) for name in names)
            "".join(names).encode()  # fails for surrogates, which no file or terminal represents
        except (ValueError, KeyError, TypeError, RecursionError):
            valid = False
        if not valid:
            error = argument_error("run", Verbatim(f"{path}, which is damaged"), "a folder with intact files")
            raise UnreadableFileError.like(error)
        return tuple(names)

    def write_names(self, classes: Sequence[str], columns: Sequence[str]) -> None:
        """Write the names of the classes and columns of the data."""
        names = {"classes": list(classes), "columns": list(columns)}
        self._write("names.json", json.dumps(names, ensure_ascii=False, indent=2) + "\n")

    def schema(self) -> "Schema | None":
        """Return the schema of the table of the user with which the model was trained, or `None` if it was no table.

        Raises:
            UnreadableFileError: If the file of the schema is damaged.
        """
        from tensorsmith.tfrecord import Schema

        path = self.path / "schema.yaml"
        if not path.exists():
            return None
        try:
            return Schema.from_yaml(read_text(path))
        except ValueError as error:
            received = Verbatim(f"{path}, which is damaged ({error})")
            raise UnreadableFileError.like(argument_error("run", received, "a folder with intact files")) from error

    def write_schema(self, schema: "Schema") -> None:
        """Write the schema of the table of the user."""
        self._write("schema.yaml", schema.to_yaml())

    def write_model(self, model: "keras.Model", name: str = "model.keras") -> None:
        """Save a model, by default the trained model of the run, without its optimizer, loss and metrics.

        A model of Keras layers can then be loaded where the package of its optimizer is not installed.
        """
        optimizer, compiled = getattr(model, "optimizer", None), model.compiled
        model.optimizer, model.compiled = None, False
        try:
            with replace_file(self.path / name) as draft:
                model.save(draft)
        finally:
            model.optimizer, model.compiled = optimizer, compiled

    def _write(self, name: str, text: str) -> None:
        with replace_file(self.path / name) as draft:
            draft.write_text(text)


def new_folder(recipe: RecipeFile, out: Path | None) -> RunFolder:
    """Create the folder of a new run, which is `out` or else `runs/<family>-<name>/<timestamp>`.

    Raises:
        ValueError: If `out` is not empty.
        OSError: If the folder cannot be created.
    """
    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise argument_error("out", str(out), "an empty or new folder", "pass another folder, or add --resume")
        out.mkdir(parents=True, exist_ok=True)
        return RunFolder(out)
    parent = Path("runs") / recipe.run_name
    parent.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ["", *(f"-{number}" for number in range(2, 100))]:
        try:
            (parent / f"{stamp}{suffix}").mkdir()
        except FileExistsError:
            continue
        return RunFolder(parent / f"{stamp}{suffix}")
    expected = "a folder with fewer than 99 runs that began in the same second"
    raise argument_error("out", str(parent), expected, "pass another folder with --out")


def folder_to_resume(recipe: RecipeFile, out: Path | None) -> RunFolder | None:
    """Return the run folder to resume (`out` or the latest run, preferably unfinished), or `None` if none exists.

    Raises:
        UnreadableFileError: If the folder is damaged.
    """
    paths = [out] if out is not None else sorted((Path("runs") / recipe.run_name).glob("*"), reverse=True)
    runs = [RunFolder(path) for path in paths if (path / "config.yaml").is_file()]
    run = next((run for run in runs if not run.finished), next(iter(runs), None))
    logs = [] if run is None else [run.path / "tensorboard" / name for name in ("", "train", "validation")]
    for folder in [] if run is None else [run.checkpoints, *logs]:
        if folder.exists() and not folder.is_dir():
            received = Verbatim(f"{folder}, which is not a folder")
            raise UnreadableFileError.like(argument_error("run", received, "a folder with intact files"))
    return run


def versions() -> dict[str, str]:
    """Return the versions of Python and of the most important packages."""
    import tensorflow as tf  # the distribution is tensorflow or tensorflow-cpu

    packages = ("keras", "numpy", "tensorsmith-training")
    installed = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), "tensorflow": tf.__version__, **installed}
