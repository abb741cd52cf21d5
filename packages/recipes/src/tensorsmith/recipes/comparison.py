"""Comparison of the variants of a recipe over several seeds."""

import dataclasses
import itertools
import json
import math
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tensorsmith.core import (
    Progress,
    UnreadableFileError,
    Verbatim,
    argument_error,
    check,
    did_you_mean,
    read_text,
    replace_file,
)
from tensorsmith.recipes.catalog import RecipeFile, find_recipe, recipe_path
from tensorsmith.recipes.comparison_figure import plot_comparison
from tensorsmith.recipes.comparison_results import Comparison, VariantResult, comparison_table, to_markdown
from tensorsmith.recipes.configuration import from_flags, read_yaml, resolve, to_yaml
from tensorsmith.recipes.field_types import to_flow_yaml
from tensorsmith.recipes.launch import RunInterruptedError
from tensorsmith.recipes.preparation import PREPARED
from tensorsmith.recipes.recorded.quiet_machine import is_quiet
from tensorsmith.recipes.recorded.results import record_comparison
from tensorsmith.recipes.run_folder import RunFolder, new_folder
from tensorsmith.recipes.run_pool import run_in_pool
from tensorsmith.recipes.trust import check_code_fields, check_content
from tensorsmith.runs import alone_in, best_direction, end_of_log

PLAN = "comparison.yaml"
FIGURE = "comparison.png"
SEEDS = 3  # default number of seeds
MOST_SEEDS = 1000
LARGEST = 1_000_000  # bytes of `metrics.json`
SPLITS = ("train", "validation", "test")
DIVERGED = re.compile(r"\bbecame (nan|-?inf)\b")  # in the error of a run whose loss is not finite


@dataclasses.dataclass(frozen=True)
class CompareRequest:
    """User settings of a comparison.

    Attributes:
        name: Name of a recipe that defines `VARIANTS`, or path of a `.py` file.
        flags: Fields of the configuration that all variants share, as `--field value`.
        config: YAML file with fields of the configuration that all variants share.
        smoke: If `True`, use the tiny configuration of the recipe, and do not tune.
        seeds: Number of seeds, which start at the seed of the configuration. Defaults to 3.
        parallel: Number of runs at a time, each in a process of its own.
        out: Path of the folder. Defaults to `runs/<recipe>/<timestamp>`.
        resume: If `True`, resume the comparison in `out`, or the most recent comparison of the recipe.
        trust: If `True`, use code that `config` or the folder of the comparison names.
        record: If `True`, store the results and the figure next to the recipe.
    """

    name: str
    flags: Sequence[str] = ()
    config: Path | None = None
    smoke: bool = False
    seeds: int | None = None
    parallel: int = 1
    out: Path | None = None
    resume: bool = False
    trust: bool = False
    record: bool = False


@dataclasses.dataclass(frozen=True)
class Plan:
    """Settings of a comparison that are stored in its folder.

    Attributes:
        file: Recipe file.
        folder: Folder of the comparison.
        fields: Fields of the configuration that all variants share.
        seeds: Number of seeds.
        tunes: If `True`, the fields in the `GRID` of the recipe are tuned for each variant.
        trust: If `True`, the folder may contain links that lead out of it, and configurations that name code.
    """

    file: RecipeFile
    folder: Path
    fields: Mapping[str, Any]
    seeds: int
    tunes: bool
    trust: bool

    def trial(self, variant: str, tuned: Mapping[str, Any], seed: int) -> "Trial":
        """Return the trial with the given variant, tuned fields and offset of the seed."""
        changed = {**self.fields, **self.file.declaration.variants[variant], **tuned}
        config = resolve(self.file, changed)
        config = dataclasses.replace(config, seed=config.seed + seed)
        setting = ",".join(f"{name}={value}" for name, value in tuned.items())
        folder = self.folder / variant / setting / f"seed-{config.seed}"
        return Trial(variant, tuned, self.file, config, folder, self.trust)

    def settings(self) -> list[dict[str, Any]]:
        """Return all combinations of the tuned fields, or one without changes if there is nothing to tune."""
        grid = self.file.declaration.grid if self.tunes else {}
        return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


@dataclasses.dataclass(frozen=True)
class Trial:
    """Training run of a comparison.

    Attributes:
        variant: Name of the variant.
        tuned: Mapping from the tuned fields to their values.
        file: Recipe file.
        config: Resolved configuration.
        folder: Run folder.
        trust: If `True`, the run uses code that its folder names.
    """

    variant: str
    tuned: Mapping[str, Any]
    file: RecipeFile
    config: Any
    folder: Path
    trust: bool

    @property
    def log(self) -> Path:
        """Path of the log file, beside the run folder."""
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def metrics(self) -> dict[str, Any] | None:
        """Content of `metrics.json`, or `None` if the run is not finished."""
        path = self.folder / "metrics.json"
        try:
            metrics: dict[str, Any] | None = json.loads(read_text(path, LARGEST)) if path.exists() else None
            if metrics is not None and not _are_metrics(metrics):
                raise ValueError("not a JSON object of scores and seconds")
        except (ValueError, RecursionError) as error:
            raise _damaged(path, str(error), "remove it to evaluate the run again") from error
        return metrics

    def command(self) -> list[str]:
        """Return the module and the arguments that start or resume the run."""
        run = ["tensorsmith.tools", "run", self.file.name, "--out", str(self.folder), *["--trust"] * self.trust]
        # Code that the user or a variant names is used, in contrast to that in the files of the run.
        run += [f"--{name}={to_flow_yaml(getattr(self.config, name))}" for name in self.file.declaration.code_fields]
        if (self.folder / "config.yaml").exists():
            return [*run, "--resume"]
        config = self.folder.with_name(f"{self.folder.name}.yaml")
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(to_yaml(self.file, self.config))
        return [*run, "--config", str(config)]

    def score(self, split: str, metric: str) -> float | None:
        """Return a score, or `None` if the run is not finished or has no finite score."""
        value = (self.metrics or {}).get(split, {}).get(metric)
        return float(value) if value is not None and math.isfinite(value) else None

    def error(self, split: str, metric: str) -> str | None:
        """Return a message if the run has failed or has no finite score, or `None`."""
        if self.score(split, metric) is not None:
            return None
        if (metrics := self.metrics) is not None:
            if metric in metrics.get(split, {}):
                return f"the score {split} {metric} of the run is not finite"
            return f"the run has no score {split} {metric}; its scores are {', '.join(_score_names(metrics))}"
        lines = end_of_log(self.log).strip().splitlines()
        return lines[-1][:300] if lines else "the run was not started or has no output"

    def curve(self, name: str) -> list[float]:
        """Return the values of a metric after each epoch, or an empty list if it was not logged."""
        try:
            return RunFolder(self.folder).read_history().get(name, [])
        except UnreadableFileError as error:
            remedy = "remove it to compare the scores without the curve of this run"
            raise _damaged(self.folder / "history.csv", str(error.__cause__), remedy) from error


def compare(request: CompareRequest) -> tuple[Path, Comparison]:
    """Train each variant of a recipe with several seeds, and write a table and a figure.

    If the recipe defines `GRID`, its fields are first tuned for each variant, with the first seed and the score on
    validation data. A failed run does not stop the others.

    Returns:
        The folder and the results.

    Raises:
        ArgumentError: If the request is invalid, or the recipe has no variants.
        RunInterruptedError: If the user interrupts the comparison.
    """
    check(
        1 <= (1 if request.seeds is None else request.seeds) <= MOST_SEEDS,
        "--seeds",
        request.seeds,
        f"from 1 to {MOST_SEEDS}",
    )
    check(request.parallel >= 1, "--parallel", request.parallel, ">= 1")
    file = find_recipe(request.name)
    remedy = "define VARIANTS in the recipe, a mapping from names to changed fields"
    check(bool(file.declaration.variants), "NAME", file.name, "a recipe with variants", remedy)
    split, metric, direction = _objective(file)
    stored = _stored_plan(file, request) if request.resume else None
    plan = stored or _new_plan(file, request)
    with alone_in(plan.folder, "comparison"):
        if stored is None:
            try:
                _check_record(plan, request)
                _check_score_names(plan, {split, "validation"} if plan.settings() != [{}] else {split}, metric)
            except BaseException:
                shutil.rmtree(plan.folder, ignore_errors=True)  # so that the same command can be repeated
                raise
        quiet = request.record and is_quiet()
        chosen = _train_all(plan, request, split, metric, direction)
        variants = [_result(name, plan, chosen.get(name), split, metric) for name in file.declaration.variants]
        comparison = Comparison(file.shows, split, metric, direction, variants)
        _write(plan.folder, comparison)
        if request.record:
            _check_record(plan, request)
            _check_complete(comparison)
            record_comparison(file, comparison, plan.folder / FIGURE, quiet=quiet and is_quiet())
    return plan.folder, comparison


def _train_all(
    plan: Plan, request: CompareRequest, split: str, metric: str, direction: str
) -> dict[str, Mapping[str, Any]]:
    """Train all runs that are not finished, and return the tuned fields of each variant."""
    try:
        with Progress("tensorsmith.recipes") as progress:
            chosen = _tune(plan, metric, direction, request.parallel, progress)
            trials = [plan.trial(name, tuned, seed) for name, tuned in chosen.items() for seed in range(plan.seeds)]
            _train(trials, split, metric, request.parallel, progress, "training")
    except KeyboardInterrupt:
        again = ["compare", request.name, "--out", str(plan.folder), "--resume", "--parallel", str(request.parallel)]
        again += ["--trust"] * request.trust
        raise RunInterruptedError(again) from None
    return chosen


def _check_complete(comparison: Comparison) -> None:
    """Raise an error if runs have failed, unless their loss has diverged, which is a result."""
    unfinished = [each.name for each in comparison.variants if not all(map(DIVERGED.search, each.errors))]
    received = Verbatim(f"failed runs of {', '.join(unfinished)}")
    check(not unfinished, "--record", received, "used with complete comparisons")


def _check_record(plan: Plan, request: CompareRequest) -> None:
    """Raise an error if the results of a comparison with other settings are to be recorded."""
    changed = "--smoke" if not plan.tunes else ", ".join(f"--{name}" for name in plan.fields)
    check(not (request.record and changed), "--record", Verbatim(f"--record with {changed}"), "used with the defaults")


def _damaged(path: Path, reason: str, remedy: str) -> UnreadableFileError:
    """Return the error for a file that a run has written and that has been damaged since then."""
    received = Verbatim(f"{path}, which cannot be read ({reason})")
    return UnreadableFileError.like(argument_error("folder", received, "one with intact files", remedy))


def _are_metrics(metrics: Any) -> bool:
    """Return `True` if the content of `metrics.json` has the splits and the time of a run."""
    if not isinstance(metrics, dict) or not isinstance(metrics.get("seconds"), int | float):
        return False
    splits = [values for name, values in metrics.items() if name in SPLITS or isinstance(values, dict)]
    scores = [value for values in splits if isinstance(values, dict) for value in values.values()]
    return all(isinstance(values, dict) for values in splits) and not any(
        isinstance(value, list | dict) for value in scores
    )


def _score_names(metrics: Mapping[str, Any]) -> list[str]:
    """Return the names of the scores in the content of `metrics.json`, such as "test accuracy"."""
    splits = {name: values for name, values in metrics.items() if isinstance(values, dict) and name != "versions"}
    return [f"{split} {name}" for split, values in splits.items() for name in values]


def _objective(file: RecipeFile) -> tuple[str, str, str]:
    """Return the split and the metric of the `Score` line in the header of a recipe, and its direction."""
    split, metric = file.objective
    direction = best_direction(metric)
    expected = "the name of a metric with a known direction, such as accuracy or loss"
    check(bool(direction), "SCORE", metric, expected)
    return split, metric, direction


def _check_score_names(plan: Plan, splits: Iterable[str], metric: str) -> None:
    """Train the first variant in its smallest form, and raise an error if its scores do not include a metric.

    A misspelled name would otherwise be noticed only after all runs. If this run fails, the comparison reports why.
    """
    recipe = plan.file.declaration
    if not plan.tunes:  # the runs of `--smoke` are as short
        return
    small = {**plan.fields, **recipe.smoke}
    if hasattr(recipe.config_class, "epochs"):
        small["epochs"] = 1
    with Progress("tensorsmith.recipes") as progress, tempfile.TemporaryDirectory() as scratch:
        progress.start("checking the names of the scores in a short run")
        trial = dataclasses.replace(plan, fields=small, folder=Path(scratch)).trial(next(iter(recipe.variants)), {}, 0)
        for _ in run_in_pool({trial.log: trial.command()}, 1):
            known = _score_names(trial.metrics or {})
    for name in (f"{split} {metric}" for split in sorted(splits)):
        remedy = did_you_mean(name, known) or f"correct SCORE in {plan.file.path}"
        check(not known or name in known, "SCORE", name, f"one of the scores {', '.join(known)}", remedy)


def _new_plan(file: RecipeFile, request: CompareRequest) -> Plan:
    """Check all variants, create the folder of a comparison and store its settings."""
    given = from_flags(request.flags)
    if request.config:
        stored = read_yaml(request.config)
        if not request.trust:
            others = {name: stored[name] for name in stored.keys() - given.keys()}
            check_code_fields(file.declaration, others, request.config)
        given = {**stored, **given}
    given.pop("recipe", None)
    varied, grid = (
        {name for changes in file.declaration.variants.values() for name in changes},
        set(file.declaration.grid),
    )
    shared = ", ".join(sorted((varied | grid) & set(given)))
    check(not shared, "fields", shared, "fields that neither the variants nor the grid change")
    wrong = ", ".join(name for name in file.declaration.columns if len(name.split()) != 2)
    check(not wrong, "COLUMNS", wrong, "names of the form SPLIT METRIC, such as 'test loss'")
    both = ", ".join(sorted(varied & grid))
    check(not both, "GRID", both, "a mapping whose fields no variant changes")
    empty = ", ".join(name for name, values in file.declaration.grid.items() if not values)
    check(not empty, "GRID", Verbatim(f"no values for {empty}"), "a mapping to at least one value for each field")
    fields = {**(file.declaration.smoke if request.smoke else {}), **given}
    plan = Plan(file, Path(), fields, request.seeds or SEEDS, not request.smoke, request.trust)
    for variant in file.declaration.variants:
        for tuned in plan.settings():
            plan.trial(variant, tuned, 0)
    plan = dataclasses.replace(plan, folder=new_folder(file, request.out).path)
    if file.prepares:
        (plan.folder / PREPARED).mkdir()  # which all runs share
    name = str(file.path) if file.name.endswith(".py") else file.name
    settings = {"recipe": name, "seeds": plan.seeds, "tunes": plan.tunes, "fields": dict(fields)}
    with replace_file(plan.folder / PLAN) as draft:
        draft.write_text(yaml.safe_dump(settings, sort_keys=False))
    return plan


def _stored_plan(file: RecipeFile, request: CompareRequest) -> Plan | None:
    """Return the plan of the comparison to resume, or `None` if there is none."""
    options = {"--config": request.config, "--smoke": request.smoke, "--seeds": request.seeds}
    others = [*request.flags, *(name for name, value in options.items() if value)]
    received = Verbatim(f"{' '.join(others)} with --resume")
    check(not others, "arguments", received, "omitted", "omit them, because a resumed comparison keeps its settings")
    parent = Path("runs") / file.run_name
    folders = [request.out] if request.out is not None else sorted(parent.glob("*"), reverse=True)
    folder = next((each for each in folders if (each / PLAN).is_file()), None)
    if folder is None:
        new = request.out is None or not request.out.exists() or not any(request.out.iterdir())
        check(new, "--out", str(request.out), "the folder of a comparison, or a new folder")
        return None
    stored = read_yaml(folder / PLAN, PLAN)
    kinds = {"recipe": str, "fields": dict, "seeds": int, "tunes": bool}
    wrong = [name for name, kind in kinds.items() if not isinstance(stored.get(name), kind)]
    wrong += [] if "seeds" in wrong or 1 <= stored["seeds"] <= MOST_SEEDS else ["seeds"]
    check(not wrong, PLAN, Verbatim(f"{folder / PLAN}, whose {' and '.join(wrong)} are damaged"), "intact")
    if recipe_path(str(stored["recipe"])) != file.path:
        raise argument_error("NAME", file.name, f"{stored['recipe']}, the recipe of the comparison in {folder}")
    if not request.trust:
        check_content(folder)
        check_code_fields(file.declaration, stored["fields"], folder / PLAN)
    return Plan(file, folder, stored["fields"], stored["seeds"], stored["tunes"], request.trust)


def _tune(plan: Plan, metric: str, direction: str, parallel: int, progress: Progress) -> dict[str, Mapping[str, Any]]:
    """Train all combinations of the tuned fields with the first seed, and return the best one of each variant.

    A variant of which all runs fail is left out.
    """
    settings = plan.settings()
    variants = plan.file.declaration.variants
    if len(settings) == 1:
        return dict.fromkeys(variants, settings[0])
    trials = {name: [plan.trial(name, tuned, 0) for tuned in settings] for name in variants}
    _train(itertools.chain(*trials.values()), "validation", metric, parallel, progress, "tuning")
    chosen = {}
    for name, candidates in trials.items():
        scores = [(score, trial) for trial in candidates if (score := trial.score("validation", metric)) is not None]
        if scores:
            best = (max if direction == "max" else min)(scores, key=lambda pair: pair[0])
            chosen[name] = best[1].tuned
    return chosen


def _train(
    trials: Iterable[Trial], split: str, metric: str, parallel: int, progress: Progress, description: str
) -> None:
    """Train all trials that are not finished."""
    waiting = {trial.log: trial for trial in trials if trial.metrics is None}
    if not waiting:
        return
    task = progress.start(description, total=len(waiting), unit="runs")
    for log in run_in_pool({log: trial.command() for log, trial in waiting.items()}, parallel):
        trial = waiting[log]
        task.advance()
        setting = "".join(f", {name} {value}" for name, value in trial.tuned.items())
        who = f"{trial.variant}{setting}, seed {trial.config.seed}"
        error = trial.error(split, metric)
        if error is not None:
            progress.print(f"{who} failed: {error} ({log})")
        elif trial.metrics is not None:
            score = trial.score(split, metric)
            progress.print(f"{who}: {split} {metric} {score:.4g}, {trial.metrics['seconds']:.0f} s")
    task.close()


def _result(name: str, plan: Plan, tuned: Mapping[str, Any] | None, split: str, metric: str) -> VariantResult:
    """Return the result of a variant, including the messages of failed runs."""
    if tuned is None:
        candidates = [plan.trial(name, each, 0) for each in plan.settings()]
        return VariantResult(name, errors=[trial.error("validation", metric) or "" for trial in candidates])
    trials = [plan.trial(name, tuned, seed) for seed in range(plan.seeds)]
    errors = [error for trial in trials if (error := trial.error(split, metric)) is not None]
    finished = {trial.config.seed: trial for trial in trials if trial.score(split, metric) is not None}
    return VariantResult(
        name,
        tuned,
        scores={seed: trial.score(split, metric) or 0.0 for seed, trial in finished.items()},
        seconds={seed: (trial.metrics or {})["seconds"] for seed, trial in finished.items()},
        curves={seed: curve for seed, trial in finished.items() if (curve := trial.curve(f"val_{metric}"))},
        columns={column: _column(column, finished) for column in plan.file.declaration.columns},
        errors=errors,
    )


def _column(name: str, trials: Mapping[int, Trial]) -> dict[int, float]:
    """Return the values of a further score for the seeds that have one. Its name consists of split and metric."""
    values = {seed: trial.score(*name.split()) for seed, trial in trials.items()}
    return {seed: value for seed, value in values.items() if value is not None}


def _write(folder: Path, comparison: Comparison) -> None:
    """Write the results, the table and the figure."""
    texts = {
        "comparison.json": json.dumps(dataclasses.asdict(comparison), indent=2) + "\n",
        "comparison.md": to_markdown(*comparison_table(comparison)),
    }
    for name, text in texts.items():
        with replace_file(folder / name) as draft:
            draft.write_text(text)
    if any(variant.scores for variant in comparison.variants):
        plot_comparison(comparison, folder / FIGURE)
