"""Running a recipe from configuration to scores."""

import dataclasses
import importlib
import math
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from tensorsmith.core import Cluster, load_tensorflow
from tensorsmith.tools.catalog import Recipe
from tensorsmith.tools.curves import plot_curves
from tensorsmith.tools.run_folder import RunFolder, versions

if TYPE_CHECKING:
    import keras

    from tensorsmith.training import Trainer


def run_recipe(
    recipe: Recipe,
    config: Any,
    folder: RunFolder,
    resume: bool,
    cluster: Cluster | None = None,
    profile: bool = False,
) -> dict[str, Any]:
    """Trains a recipe, fills its run folder, and returns what `metrics.json` says.

    Within a cluster, all machines call this alike, and one of them fills the folder.

    Args:
        recipe: The recipe.
        config: Its settings.
        folder: The run folder.
        resume: Whether to go on with what is there.
        cluster: The machines that train together.
        profile: Whether to record some steps for TensorBoard.

    Raises:
        KeyboardInterrupt: As it came; the folder then holds what `resume` goes on from.
    """
    load_tensorflow()
    import keras
    import tensorflow as tf

    from tensorsmith.training import Profile

    started = time.perf_counter()
    strategy = cluster.strategy() if cluster else tf.distribute.get_strategy()
    checkpoints = folder.checkpoints
    if cluster and not cluster.chief:
        scratch = tempfile.TemporaryDirectory()  # until this function ends
        folder = RunFolder(Path(scratch.name))
    keras.utils.set_random_seed(config.seed)
    data = recipe.module.build_data(config)
    with strategy.scope():
        trainer = recipe.module.build_trainer(config)
    folder.write_config(recipe, config)
    extra = recipe.module.callbacks(config, folder.path) if hasattr(recipe.module, "callbacks") else []
    try:
        history = trainer.fit(
            **_as_arguments(data["train"]),
            epochs=config.epochs,
            batch_size=config.batch_size,
            validation_data=data.get("validation"),
            callbacks=[
                *extra,
                keras.callbacks.TensorBoard(str(folder.path / "tensorboard"), write_graph=False),
                *([Profile(folder.path / "tensorboard")] if profile else []),
                _writer(recipe, config, folder, trainer),
            ],
            seed=config.seed,
            checkpoints=checkpoints,
            resume=resume,
        )
    except KeyboardInterrupt:
        if (so_far := getattr(trainer.model, "history", None)) is not None:
            folder.write_history(so_far.history)
        raise
    scores = {
        split: trainer.evaluate(**_as_arguments(data[split]), batch_size=config.batch_size)
        for split in ("validation", "test")
        if split in data
    }
    if hasattr(recipe.module, "report"):
        for split, more in recipe.module.report(config, trainer, data, folder.path).items():
            scores[split] = {**scores.get(split, {}), **more}
    metrics = {
        "recipe": recipe.name,
        **scores,
        "seconds": round(time.perf_counter() - started, 2),
        "steps_per_second": _rounded(trainer.steps_per_second, 1),
        "first_step_seconds": _rounded(trainer.first_step_seconds, 2),
        "parameters": trainer.model.count_params() if trainer.model.built else None,
        "seed": config.seed,
        "versions": versions(),
    }
    folder.write_history(history.history)
    plot_curves(history.history, folder.path / "curves.png")
    part = getattr(recipe.module, "model_to_save", None)
    folder.write_model(part(trainer) if part else trainer.model)
    folder.write_metrics(metrics)
    return metrics


def serve(cluster: Cluster) -> None:
    """Does what the chief of a cluster with parameter servers asks for, with our kernels at hand."""
    load_tensorflow()
    importlib.import_module("tensorsmith.ops")
    cluster.serve()


def find_rate(recipe: Recipe, config: Any, folder: RunFolder, console: Console) -> None:
    """Runs the learning-rate range test on a recipe, draws it into the folder, and prints what it suggests."""
    load_tensorflow()
    import keras

    from tensorsmith.training import LRFinder

    keras.utils.set_random_seed(config.seed)
    data = recipe.module.build_data(config)
    trainer = recipe.module.build_trainer(config)
    sweep = LRFinder()(trainer, **_as_arguments(data["train"]), batch_size=config.batch_size, verbose=True)
    sweep.plot(folder.path / "learning_rates.png")
    console.print(
        f"learning rate {sweep.suggestion:.2g}: a tenth of {10 * sweep.suggestion:.2g}, from which on the loss climbs",
        highlight=False,
    )
    console.print(f"{folder.path / 'learning_rates.png'}", highlight=False, soft_wrap=True)


def print_scores(metrics: Mapping[str, Any], folder: RunFolder, console: Console) -> None:
    """The table at the end of a run."""
    splits = {name: values for name, values in metrics.items() if isinstance(values, dict) and name != "versions"}
    names = list(dict.fromkeys(name for values in splits.values() for name in values))
    table = Table(title=metrics["recipe"], title_justify="left")
    table.add_column("")
    for split in splits:
        table.add_column(split, justify="right")
    for name in names:
        cells = [values.get(name) for values in splits.values()]
        table.add_row(name, *("" if cell is None else f"{cell:.4f}" for cell in cells))
    console.print(table)
    rate = f", {metrics['steps_per_second']:,.0f} steps/s" if metrics["steps_per_second"] else ""
    console.print(f"{metrics['seconds']:.1f} s{rate}, seed {metrics['seed']}", highlight=False)
    for name in ("curves.png", "model.keras"):
        console.print(f"{folder.path / name}", highlight=False, soft_wrap=True)


def _rounded(value: float, digits: int) -> float | None:
    """The value, or None where nothing was measured, which JSON has no number for."""
    return None if math.isnan(value) else round(value, digits)


def _as_arguments(split: Any) -> dict[str, Any]:
    import keras

    return dict(zip(("x", "y", "sample_weight"), keras.utils.unpack_x_y_sample_weight(split), strict=True))


def _writer(recipe: Recipe, config: Any, folder: RunFolder, trainer: "Trainer") -> "keras.callbacks.Callback":
    import keras

    class Writer(keras.callbacks.Callback):
        """Keeps the folder current while training goes on."""

        def on_train_begin(self, logs: Any = None) -> None:
            known = {"jit": trainer.jit} if hasattr(config, "jit") else {}
            folder.write_config(recipe, dataclasses.replace(config, **known))

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch:
                folder.write_history(self.model.history.history)

    return Writer()
