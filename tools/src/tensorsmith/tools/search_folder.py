"""Folder of a hyperparameter search, which contains the search space and the final report."""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tensorsmith.core import ArgumentError, Verbatim, argument_error, check, parse_yaml, replace_file
from tensorsmith.recipes import RecipeFile, RunSettings, read_yaml, resolve, to_yaml
from tensorsmith.recipes.trust import check_code_fields, check_content
from tensorsmith.runs import SupervisedRecipe, best_direction
from tensorsmith.tuning import Choice, Range, Search, declared, parse_space
from tensorsmith.tuning.space_file import as_lines

FILE = "search.yaml"
SEARCH_SETTINGS = ("objective", "direction", "tuner", "trials", "folds", "patience", "keep_best", "on_error")


def supervised(file: RecipeFile) -> SupervisedRecipe:
    """Returns the supervised recipe that a file defines.

    Raises:
        ArgumentError: If the recipe is a procedure, because a search requires the scores of a trainer.
    """
    if not isinstance(file.recipe, SupervisedRecipe):
        raise argument_error("recipe", file.name, "a recipe that defines build_trainer")
    return file.recipe


def space_of(recipe: RecipeFile, file: Path | None) -> dict[str, Range]:
    """Returns the search ranges that a recipe declares. Ranges in the given file take precedence.

    Raises:
        ArgumentError: If a name is not a field of the recipe, or a value is invalid for its field. The message lists
            all errors.
    """
    space = declared(recipe.declaration.config_class)
    if file is not None:
        space.update(parse_space(read_yaml(file, "--space")))
    remedy = "declare ranges in the `Config` of the recipe with tensorsmith.tuning, or pass --space FILE.yaml"
    check(bool(space), "space", Verbatim(f"no ranges in {recipe.name}"), "contain at least one range", remedy)
    mistakes, fitting = [], {}
    for name, known in space.items():
        try:
            values = tuple(getattr(resolve(recipe, {name: probe}), name) for probe in known.probes)
        except ArgumentError as error:
            fields = {field.name for field in dataclasses.fields(recipe.declaration.config_class)}
            if name not in fields:
                mistakes.append(str(error))
                continue
            expected = f"a range of valid values of the field: {error}"
            mistakes.append(str(argument_error(f"space: {name}", Verbatim(known), expected.rstrip("."))))
        else:
            fitting[name] = dataclasses.replace(known, options=values) if isinstance(known, Choice) else known
    if mistakes:
        raise ArgumentError("\n".join(mistakes))
    return fitting


def write_search(recipe: RecipeFile, search: Search, folder: Path) -> None:
    """Writes the search settings in the format of `read_search`."""
    fields = parse_yaml(to_yaml(recipe, search.config))
    text = {
        "recipe": fields.pop("recipe"),
        **{name: getattr(search, name) for name in SEARCH_SETTINGS},
        "space": {name: as_lines(known) for name, known in search.space.items()},
        "config": fields,
    }
    with replace_file(folder / FILE) as draft:
        draft.write_text(yaml.safe_dump(text, sort_keys=False, default_flow_style=None, width=120))


def check_search_folder(recipe: RecipeFile, folder: Path) -> None:
    """Raises an error if a search folder has links that lead out of it, or its settings name files with code.

    Raises:
        ValueError: If the folder is not trusted.
    """
    check_content(folder)
    said = read_yaml(folder / FILE, FILE)
    for values in (said.get("config"), said.get("space")):
        check_code_fields(recipe.declaration, values if isinstance(values, dict) else {}, folder / FILE)


def read_search(recipe: RecipeFile, folder: Path) -> Search:
    """Returns the search settings stored in a folder.

    Raises:
        ValueError: If the search belongs to another recipe, or its file is invalid.
    """
    said = read_yaml(folder / FILE, FILE)
    remedy = f"correct {folder / FILE}"
    for name, kind in (("recipe", str), ("space", dict), ("config", dict)):
        expected = "a string" if kind is str else "a mapping"
        check(isinstance(said.get(name), kind), f"{FILE}: {name}", said.get(name), expected, remedy)
    if recipe.name != said["recipe"] and recipe.path != Path(said["recipe"]).resolve():
        raise argument_error("recipe", recipe.name, f"{said['recipe']} to resume the search in {folder}")
    config = recipe.recipe.configure(resolve(recipe, said["config"]))
    settings = {name: said[name] for name in SEARCH_SETTINGS if name in said}
    return Search(supervised(recipe), config, parse_space(said["space"]), **settings)


def remove_fruitless(folder: Path) -> None:
    """Removes the folder of a search in which no trial was successful."""
    results = (json.loads(path.read_text()) for path in folder.glob("trial_*/result.json"))
    if all(result["score"] is None for result in results):
        shutil.rmtree(folder, ignore_errors=True)  # the folder itself may be a mount point, which cannot be removed


def write_report(recipe: RecipeFile, search: Search, folder: Path, results: Mapping[str, Any]) -> list[Path]:
    """Writes a report with the best configurations, a plot of the scores, and event files for TensorBoard.

    Args:
        recipe: Recipe that the search trained.
        search: Settings of the hyperparameter search.
        folder: Folder that contains the files of the hyperparameter search.
        results: Mapping from trial names to results, sorted from best to worst. Failed trials are excluded.

    Returns:
        Paths of the configuration files, best first.
    """
    from tensorsmith.tuning.report import plot_scores, write_hparams

    best = folder / "best"
    best.mkdir(exist_ok=True)
    for path in best.glob("*.yaml"):
        path.unlink()
    written = []
    for rank, (name, result) in enumerate(list(results.items())[: search.keep_best], start=1):
        where = f"mean of {search.folds} folds" if search.folds else f"at epoch {result.epoch:.0f}"
        head = f"# {search.objective} {result.score:.6g} {where}, trial {name}\n"
        with replace_file(best / f"{rank}.yaml") as draft:
            settings = _run_settings(search, result.config["epochs"]).to_yaml()
            draft.write_text(head + to_yaml(recipe, resolve(recipe, result.config)) + settings)
        written.append(best / f"{rank}.yaml")
    plot_scores(search, results, folder / "scores.png")
    write_hparams(search, results, folder / "tensorboard")
    return written


def _run_settings(search: Search, epochs: int) -> RunSettings:
    """Returns the settings with which a run stops at the same epoch as a trial, and restores the same weights."""
    if search.folds or best_direction(search.objective) != search.best:
        return RunSettings()  # a run that repeats no trial, or whose early stopping has another direction
    save_best = None if search.objective == "val_loss" else search.objective
    return RunSettings(early_stopping=search.patience or epochs, save_best=save_best)
