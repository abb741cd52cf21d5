"""Execution of a recipe, from the configuration to the scores."""

import contextlib
import dataclasses
import logging
import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorsmith.core import load_tensorflow
from tensorsmith.data import info
from tensorsmith.recipes.catalog import RecipeFile, find_recipe
from tensorsmith.recipes.configuration import resolve
from tensorsmith.recipes.curves import plot_curves
from tensorsmith.recipes.extension import check_schedule, restart_patience
from tensorsmith.recipes.preparation import Preparation, preparation_folder
from tensorsmith.recipes.procedure import ProcedureRun
from tensorsmith.recipes.recipe_run import RecipeRun
from tensorsmith.recipes.run_folder import RunFolder, versions
from tensorsmith.recipes.run_settings import RunSettings
from tensorsmith.recipes.single_training import as_arguments
from tensorsmith.recipes.stopping import describe_stop
from tensorsmith.runs import Cluster, ProcedureRecipe, Scores, SupervisedRecipe

if TYPE_CHECKING:
    import keras

    from tensorsmith.training import LRSweep, Profile, Trainer

log = logging.getLogger("tensorsmith.recipes")


def run_recipe(
    file: RecipeFile,
    config: Any,
    settings: RunSettings,
    folder: RunFolder,
    resume: bool,
    cluster: Cluster | None = None,
    profile: bool = False,
    trust: bool = False,
) -> dict[str, Any]:
    """Train a recipe and write the files of its run folder.

    In a cluster, all machines make the same call, and the chief writes the files.

    Args:
        file: Recipe file to run.
        config: Instance of the `Config` class of the recipe, which contains the values of all settings.
        settings: Settings that all supervised recipes share. Other recipes require the defaults.
        folder: Run folder to write to. If its run is finished, it is extended.
        resume: If `True`, resume from the last checkpoint in the run folder.
        cluster: Cluster of machines that train together, or `None` to train on this machine only.
        profile: If `True`, record a performance profile of some steps for the profile plugin of TensorBoard, and
            measure the fraction of the time in which these steps wait for data.
        trust: If `True`, stored models of the preparation may contain code.

    Returns:
        The content of `metrics.json`.

    Raises:
        KeyboardInterrupt: If the run is interrupted. It can be resumed from the folder.
    """
    started = time.perf_counter()
    config = file.recipe.configure(config)
    if file.supervised:
        with precision(settings.precision):
            facts = _fit(file, config, settings, folder, resume, cluster, profile, trust)
    else:
        assert isinstance(file.recipe, ProcedureRecipe)
        load_tensorflow()
        run = ProcedureRun(config, folder, train_recipe, resume)
        folder.write_config(file, config, settings)
        folder.reopen()
        scores = file.recipe.train(config, run)
        if run.history:
            plot_curves(run.history, folder.path / "curves.png")
        facts = {**scores, "steps_per_second": None, "first_step_seconds": None, "parameters": None}
    metrics = {
        "recipe": file.name,
        **facts,
        "seconds": round(time.perf_counter() - started, 2),
        "seed": config.seed,
        "versions": versions(),
    }
    folder.write_metrics(metrics)
    return metrics


def find_rate(file: RecipeFile, config: Any, folder: Path, trust: bool = False) -> "LRSweep":
    """Run the learning-rate range test for a recipe and plot the result.

    Args:
        file: Recipe file whose model and data are used in the learning-rate range test.
        config: Instance of the `Config` class of the recipe, which contains the values of all settings.
        folder: Folder in which `learning_rates.png` is written.
        trust: If `True`, stored models of the preparation may contain code.
    """
    from tensorsmith.training import LRFinder

    data, trainer = build(prepared_recipe(file, preparation_folder(folder), trust), file.recipe.configure(config))
    sweep = LRFinder()(trainer, **as_arguments(data["train"]), batch_size=config.batch_size, verbose=True)
    sweep.plot(folder / "learning_rates.png")
    return sweep


def _fit(
    file: RecipeFile,
    config: Any,
    settings: RunSettings,
    folder: RunFolder,
    resume: bool,
    cluster: Cluster | None,
    profile: bool,
    trust: bool,
) -> dict[str, Any]:
    """Fit the model of a supervised recipe, and return its scores and training statistics."""
    load_tensorflow()
    import keras
    import tensorflow as tf

    from tensorsmith.training import Profile

    strategy = cluster.strategy() if cluster else tf.distribute.get_strategy()
    checkpoints, extends = settings.checkpoints(folder), resume and folder.finished
    preparation = Preparation(file, preparation_folder(folder.path), train_recipe, trust)
    recipe = preparation.recipe
    if cluster and not cluster.chief:
        scratch = tempfile.TemporaryDirectory()  # removed when this function returns
        folder = RunFolder(Path(scratch.name))
    data, trainer = build(recipe, config, strategy)
    configured = settings.make_callbacks(folder, "validation" in data)
    profiler = Profile(folder.path / "tensorboard") if profile else None
    callbacks = [
        *recipe.callbacks(config, folder.path),
        *configured,
        keras.callbacks.TensorBoard(str(folder.path / "tensorboard"), write_graph=False),
        *([profiler] if profiler else []),
    ]
    try:
        with settings.errors_of(configured):
            history = trainer.fit(
                **as_arguments(data["train"]),
                epochs=config.epochs,
                batch_size=config.batch_size,
                validation_data=data.get("validation"),
                callbacks=[*callbacks, _writer(file, config, settings, folder, trainer, resume, callbacks)],
                seed=config.seed,
                checkpoints=checkpoints,
                resume=resume,
                extend=extends,
            )
    except (KeyboardInterrupt, SystemExit):
        if (so_far := getattr(trainer.model, "history", None)) is not None:
            folder.write_history(so_far.history)
        raise
    run = report_run(preparation, config, folder.path, folder.path, history.history)
    scores = scores_of(recipe, config, run, trainer, data)
    folder.write_history(history.history)
    plot_curves(history.history, folder.path / "curves.png")
    folder.write_model(recipe.model_to_save(trainer))
    classes, columns = (getattr(data, f"{kind}_names", ()) for kind in ("class", "feature"))  # of `load_splits`
    if not classes and hasattr(config, "data"):
        classes = info(config.data).class_names
    if classes or columns:
        folder.write_names(classes, columns)
    if (schema := getattr(data, "schema", None)) is not None:
        folder.write_schema(schema)
    completed = max(map(len, history.history.values()), default=0)
    return {
        **scores,
        "stopped": describe_stop(callbacks, completed, config.epochs) or None,
        "steps_per_second": _rounded(trainer.steps_per_second, 1),
        "first_step_seconds": _rounded(trainer.first_step_seconds, 2),
        "parameters": trainer.model.count_params() if trainer.model.built else None,
        **(_facts_of(profiler) if profiler else {}),
    }


def _facts_of(profile: "Profile") -> dict[str, float | None]:
    """Return the number of profiled steps, and the fraction of their time in which they waited for data."""
    return {
        "profiled_steps": profile.profiled_steps,
        "waiting_for_data": _rounded(profile.waiting_for_data, 4),
    }


def scores_of(
    recipe: SupervisedRecipe,
    config: Any,
    run: RecipeRun,
    trainer: "Trainer",
    data: Mapping[str, Any],
    whole: bool = True,
) -> Scores:
    """Evaluate a model on the validation and test data, and add the scores of the report of the recipe.

    Args:
        recipe: Recipe that defines the report.
        config: Configuration of the run.
        run: Run that is passed to the report.
        trainer: Trainer of the model.
        data: Mapping from the names of splits to data.
        whole: If `False`, only the scores of the report are returned, because a part of the model is not trained.
    """
    import keras

    scores: Scores = {
        split: trainer.evaluate(**as_arguments(data[split]), batch_size=config.batch_size)
        for split in ("validation", "test")
        if split in data and whole
    }
    keras.utils.set_random_seed(config.seed)  # so that the report does not depend on how the model was trained
    for split, more in recipe.report(config, run, trainer, data).items():
        scores[split] = {**scores.get(split, {}), **more}
    return scores


def prepared_recipe(file: RecipeFile, folder: Path, trust: bool = False) -> SupervisedRecipe:
    """Return a supervised recipe whose functions take a configuration only.

    Args:
        file: Recipe file. If it has a function `prepare`, this is called when data or a trainer are built.
        folder: Folder in which prepared values are stored (see `Preparation`).
        trust: If `True`, stored models may contain code.
    """
    return Preparation(file, folder, train_recipe, trust).recipe


def report_run(
    preparation: Preparation, config: Any, run: Path, files: Path, history: Mapping[str, Sequence[float]]
) -> RecipeRun:
    """Return the run that is passed to the report of a recipe.

    Args:
        preparation: Recipe and prepared values.
        config: Configuration of the run.
        run: Path of the run folder, in which the results of further trainings are stored.
        files: Folder for figures and other files.
        history: Mapping from the names of metrics to their values after each epoch.
    """
    return RecipeRun(config, files, run / "trainings", train_recipe, history, preparation.values(config))


def train_recipe(name: str, fields: Mapping[str, Any], folder: Path) -> "keras.Model":
    """Return the model of a recipe, which is trained unless `folder` contains a finished run.

    Raises:
        ValueError: If the recipe does not exist, or a field is invalid.
    """
    import keras

    file = find_recipe(name)
    config = resolve(file, fields)
    folder.mkdir(parents=True, exist_ok=True)
    if not RunFolder(folder).finished:
        run_recipe(file, config, RunSettings(), RunFolder(folder), resume=True)
    return keras.saving.load_model(folder / "model.keras", compile=False)


def _rounded(value: float, digits: int) -> float | None:
    """Return the rounded value, or `None` for NaN (not measured), which JSON does not support."""
    return None if math.isnan(value) else round(value, digits)


def build(recipe: SupervisedRecipe, config: Any, strategy: Any = None) -> tuple[Mapping[str, Any], "Trainer"]:
    """Set the random seed, and return the data and the trainer of a recipe.

    Args:
        recipe: Recipe to build.
        config: Configuration of the run.
        strategy: `tf.distribute.Strategy` in whose scope the trainer is built. Defaults to the current strategy.
    """
    load_tensorflow()
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(config.seed)
    data = recipe.build_data(config)
    with (strategy or tf.distribute.get_strategy()).scope():
        trainer: Trainer = recipe.build_trainer(config)
    return data, trainer


@contextlib.contextmanager
def precision(policy: str | None) -> Iterator[None]:
    """Context manager that sets the dtype policy of Keras."""
    load_tensorflow()
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy or before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _writer(
    file: RecipeFile,
    config: Any,
    settings: RunSettings,
    folder: RunFolder,
    trainer: "Trainer",
    resume: bool,
    callbacks: "Sequence[keras.callbacks.Callback]",
) -> "keras.callbacks.Callback":
    import keras

    class Writer(keras.callbacks.Callback):
        """Callback that updates the run folder during training."""

        def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
            if not folder.finished:
                if resume and any(folder.checkpoints.glob("epoch-*")):
                    log.info(_resumed(folder, self.params))
                self._write_config()

        def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            if folder.finished:
                check_schedule(self.model, epoch, config.epochs, self.params["steps"])
                restart_patience(callbacks)
                self._write_config()
                log.info(_resumed(folder, self.params))  # after the check, which may refuse the extension
                folder.reopen()
            if epoch:
                folder.write_history(self.model.history.history)

        def _write_config(self) -> None:
            known = {"jit": trainer.jit} if hasattr(config, "jit") else {}
            folder.write_config(file, dataclasses.replace(config, **known), settings)

    return Writer()


def _resumed(folder: RunFolder, params: Mapping[str, Any]) -> str:
    """Return a line that describes where a run resumes, and how many completed epochs are repeated."""
    epoch, step = params["first_epoch"], params["first_step"]
    where = f"epoch {epoch + 1} of {params['epochs']}" + (f", step {step}" if step else "")
    lost = folder.completed_epochs() - epoch
    repeated = f" Epochs completed after the last checkpoint, which are repeated: {lost}." if lost > 0 else ""
    return f"Resuming {folder.path} at {where}.{repeated}"
