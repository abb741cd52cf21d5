"""Start and resumption of the training runs that a user requests."""

import dataclasses
import logging
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tensorsmith.core import ArgumentError, ExpectedError, Verbatim, argument_error, check, parse_yaml
from tensorsmith.recipes.catalog import RecipeFile, find_recipe, recipe_path
from tensorsmith.recipes.configuration import from_flags, read_yaml, resolve_run
from tensorsmith.recipes.field_types import to_flow_yaml
from tensorsmith.recipes.run_folder import RunFolder, folder_to_resume, new_folder
from tensorsmith.recipes.run_settings import RUN_SETTINGS, RunSettings
from tensorsmith.recipes.running import find_rate, run_recipe
from tensorsmith.recipes.trust import check_code_fields, check_content
from tensorsmith.recipes.workers import run_workers
from tensorsmith.runs import SECONDS_TO_WAIT, Cluster, cluster_from_environment, end_with_launcher, exit_on_sigterm

if TYPE_CHECKING:
    from tensorsmith.training import LRSweep

CONNECTION_ERRORS = ("AbortedError", "CancelledError", "UnavailableError")  # of TensorFlow

log = logging.getLogger("tensorsmith.recipes")


class RunInterruptedError(Exception):
    """Error raised when a signal interrupts a run, which can be resumed later.

    Attributes:
        command: Arguments of `tensorsmith` that resume the run.
        exit_code: Exit code of the process: 130 for Ctrl-C, 143 for SIGTERM.
    """

    def __init__(self, command: Sequence[str], exit_code: int = 130) -> None:
        super().__init__("the run was interrupted")
        self.command = command
        self.exit_code = exit_code


class RunFailedError(ExpectedError):
    """Error raised if the data or the recipe cannot be used for training, or if another machine has ended."""


@dataclass(frozen=True)
class RunRequest:
    """Settings that the user specifies for a training run.

    Attributes:
        name: Name of a recipe, or path of a `.py` file.
        flags: Fields of the configuration, as `--field value`.
        config: YAML file with fields of the configuration.
        smoke: If `True`, use the tiny configuration of the recipe.
        out: Path of the run folder. Defaults to `runs/<recipe>/<timestamp>`.
        resume: If `True`, resume the run in `out`, or the most recent run of the recipe. A finished run is extended if
            the flag `--epochs` is larger than the number of epochs that it has trained.
        find_lr: If `True`, only run the learning-rate range test.
        profile: If `True`, record a performance profile of some steps for the profile plugin of TensorBoard.
        workers: Number of processes on this machine that train together.
        parameter_servers: Number of additional processes that hold the weights.
        timeout: Maximum time to wait for the other machines of a cluster, in seconds.
        settings: Mapping from the names of `RunSettings` to values.
        trust: If `True`, use code that configuration files name, and let their callbacks write files outside of the run
            folder.
    """

    name: str
    flags: Sequence[str] = ()
    config: Path | None = None
    smoke: bool = False
    out: Path | None = None
    resume: bool = False
    find_lr: bool = False
    profile: bool = False
    workers: int | None = None
    parameter_servers: int = 0
    timeout: float = SECONDS_TO_WAIT
    settings: Mapping[str, Any] = field(default_factory=dict)
    trust: bool = False

    def resume_command(self, folder: Path) -> list[str]:
        """Return the `tensorsmith` command-line arguments that resume this run."""
        workers = ["--workers", str(self.workers)] if self.workers else []
        servers = ["--parameter-servers", str(self.parameter_servers)] if self.parameter_servers else []
        return ["run", self.name, "--out", str(folder), "--resume", *workers, *servers, *["--trust"] * self.trust]


@dataclass(frozen=True)
class RunResult:
    """Result of a training run.

    Attributes:
        folder: Run folder that contains the results.
        metrics: Content of `metrics.json`. `None` if the run had finished before, if other processes trained, or if
            this machine is not the chief of its cluster.
        sweep: Result of the learning-rate range test.
        had_finished: `True` if the run had finished before, so that nothing was trained.
        exit_code: Exit code of the worker processes of a run.
    """

    folder: RunFolder
    metrics: Mapping[str, Any] | None = None
    sweep: "LRSweep | None" = None
    had_finished: bool = False
    exit_code: int = 0


def launch(request: RunRequest) -> RunResult:
    """Train a recipe and write its run folder.

    Raises:
        ArgumentError: If the request is invalid.
        RunFailedError: If the data or the recipe cannot be used for training.
        RunInterruptedError: If the user interrupts the run.
    """
    launched = end_with_launcher()
    cluster = _cluster(request)
    file = find_recipe(request.name)
    resumed = _run_to_resume(file, request)
    stored = {} if resumed is None else read_yaml(resumed.path / "config.yaml")
    alone = cluster is None and request.workers is None
    config, settings = _configuration(file, request, stored, resumed.path if resumed else None, alone)
    if resumed is not None:
        _check_unchanged(request, resumed, stored, _flat(config, settings), _asked(file, request))
    out = resumed.path if resumed is not None else request.out or Path("runs")
    settings.check_callbacks(out, request.trust, request.config)
    if resumed is not None and resumed.finished and not _extends(file, request, resumed, stored, config):
        return RunResult(resumed, had_finished=True)
    leads = cluster is None or cluster.chief
    folder = resumed or (new_folder(file, request.out) if leads or request.out is None else RunFolder(request.out))
    if resumed is None and leads and not request.find_lr:
        folder.write_config(file, config, settings)  # a run that is interrupted from now on can be resumed
    try:
        with exit_on_sigterm():
            return _train(request, file, config, settings, folder, cluster)
    except KeyboardInterrupt:
        raise RunInterruptedError(request.resume_command(folder.path)) from None
    except SystemExit as error:
        if launched or error.code != 128 + signal.SIGTERM:
            raise  # the launcher reports the interruption once, with a command that starts all workers
        raise RunInterruptedError(request.resume_command(folder.path), error.code) from None
    except Exception as error:
        keeps = folder.has_progress(any_checkpoint=not isinstance(error, ArgumentError))
        if leads and resumed is None and not keeps:
            shutil.rmtree(folder.path, ignore_errors=True)  # so that the same command can be repeated
        if isinstance(error, ArgumentError):
            raise RunFailedError(str(error)) from error
        if cluster is not None and type(error).__name__ in CONNECTION_ERRORS:
            remedy = "" if launched else " To resume the run, run the same command again on all machines."
            raise RunFailedError(f"The connection to another process of the cluster was lost.{remedy}") from error
        raise


def _cluster(request: RunRequest) -> Cluster | None:
    """Return the cluster of which this process is a part, after a check of the options that depend on it.

    A process that is a parameter server serves, and does not return.
    """
    check(request.timeout > 0, "--timeout", request.timeout, "a positive number of seconds")
    cluster = cluster_from_environment(request.timeout)
    expected = "a folder that all workers share when TF_CONFIG is set"
    check(cluster is None or request.out is not None, "--out", None, expected)
    if cluster is not None and cluster.serves:
        _serve(cluster)
    workers, servers = request.workers, request.parameter_servers
    check(workers is None or workers >= 1, "--workers", workers, ">= 1")
    valid = servers == 0 or (servers > 0 and workers is not None)
    check(valid, "--parameter-servers", servers, ">= 0, and 0 unless --workers is set")
    alone = cluster is None and not request.find_lr
    check(workers is None or alone, "--workers", workers, "omitted if --find-lr or TF_CONFIG is set")
    for name, other in (("--resume", request.resume), ("--profile", request.profile)):
        received, together = Verbatim(f"--find-lr with {name}"), other and request.find_lr
        check(not together, "--find-lr", received, "used without --resume or --profile")
    return cluster


def _run_to_resume(file: RecipeFile, request: RunRequest) -> RunFolder | None:
    """Return the folder of the run to resume, or `None` if a new run starts."""
    folder = folder_to_resume(file, request.out) if request.resume else None
    if folder is not None and not request.trust:
        check_content(folder.path)
    if request.resume and folder is None:
        log.info("There is no run to resume; a new run starts.")
    return folder


def _asked(file: RecipeFile, request: RunRequest) -> dict[str, Any]:
    """Return the values that the user asks for: of the smoke test, the configuration file and flags, in this order."""
    smoke = dict(file.declaration.smoke) if request.smoke else {}
    stored = read_yaml(request.config) if request.config else {}
    return {**smoke, **stored, **from_flags(request.flags), **request.settings}


def _configuration(
    file: RecipeFile, request: RunRequest, stored: Mapping[str, Any], run: Path | None, alone: bool
) -> tuple[Any, RunSettings]:
    """Return the configuration and the settings: defaults, overridden by those of the run to resume and by the user.

    Args:
        file: Recipe file.
        request: Request of the user.
        stored: Content of `config.yaml` of the run to resume.
        run: Folder of the run to resume, or `None`.
        alone: If `True`, one process trains.
    """
    given = {**from_flags(request.flags), **request.settings}
    sources = [(request.config, read_yaml(request.config))] if request.config else []
    for path, values in [*sources, *([(run / "config.yaml", stored)] if run else [])]:
        if not request.trust:
            fields = {name: values[name] for name in values.keys() - given.keys()}
            check_code_fields(file.declaration, fields, path)
    values = {**stored, **_asked(file, request)}
    if not alone and "jit" in stored and "jit" not in given:
        values["jit"] = "auto"  # the stored choice was made for one device
    named = str(values.get("recipe", file.name))
    moved = named.endswith(".py") and not Path(named).is_file() and Path(named).name == file.path.name
    if not moved and recipe_path(named) != file.path:
        raise argument_error("config", named, f"a configuration of the recipe {file.name}")
    config, settings = resolve_run(file, values)
    names = ", ".join(settings.changed())
    check(file.supervised or not names, names, file.name, "used with a recipe that defines build_trainer")
    divides = alone or request.parameter_servers > 0 or config.batch_size % (request.workers or 1) == 0
    expected = f"a multiple of the number of workers ({request.workers})"
    check(divides, "batch_size", getattr(config, "batch_size", None), expected)
    return config, settings


def _check_unchanged(
    request: RunRequest,
    folder: RunFolder,
    stored: Mapping[str, Any],
    resolved: Mapping[str, Any],
    asked: Mapping[str, Any],
) -> None:
    """Raise an error if the user asks for other settings than those of the run to resume.

    The settings of its checkpoints may change, and the number of epochs.

    Args:
        request: Request of the user.
        folder: Folder of the run to resume.
        stored: Content of `config.yaml` of the run.
        resolved: Fields of the configuration and settings, with the values that the user asks for.
        asked: Values that the user asks for.
    """
    free = {"recipe", "epochs", "checkpoint_every", "checkpoint_keep"}
    free |= {"jit"} if isinstance(resolved.get("jit"), str) else set()  # the stored value is the choice that was made
    defaults = _flat(find_recipe(request.name).declaration.config_class(), RunSettings())
    kept = {name: stored.get(name, _plain(value)) for name, value in defaults.items()}
    changed = [name for name in asked if name not in free and _plain(resolved[name]) != kept[name]]
    flags = " ".join(f"--{name.replace('_', '-') if name in RUN_SETTINGS else name}" for name in changed)
    check(
        not changed,
        "--resume",
        Verbatim(f"other values of {flags} than the run {folder.path}"),
        "used with the settings of the run to resume",
        "omit these options, or start a new run without --resume. To repeat the settings of the old run, pass its "
        "config.yaml with --config",
    )


def _extends(file: RecipeFile, request: RunRequest, folder: RunFolder, stored: Mapping[str, Any], config: Any) -> bool:
    """Return `True` if the user asks for more epochs than a finished run has trained."""
    if "epochs" not in {**from_flags(request.flags), **request.settings}:
        return False
    # A run that was stopped early is extended from its last epoch. A training procedure may end because it converges.
    before = resolve_run(file, stored)[0].epochs
    before = min(before, folder.completed_epochs()) if file.supervised else before
    remedy = f"pass --epochs N with N > {before} to extend the run"
    check(config.epochs >= before, "--epochs", config.epochs, f">= {before} for the finished run {folder.path}", remedy)
    return bool(config.epochs > before)


def _flat(config: Any, settings: RunSettings) -> dict[str, Any]:
    """Return the fields of a configuration and the settings of a run in one dict."""
    return {**dataclasses.asdict(config), **dataclasses.asdict(settings)}


def _plain(value: Any) -> Any:
    """Return a value as it is read from a configuration file."""
    return parse_yaml(to_flow_yaml(value))


def _train(
    request: RunRequest,
    file: RecipeFile,
    config: Any,
    settings: RunSettings,
    folder: RunFolder,
    cluster: Cluster | None,
) -> RunResult:
    """Train in this process, or start the workers."""
    if request.workers is not None:
        if not folder.finished:
            folder.write_config(file, config, settings)
        code = run_workers(
            _worker_command(request, folder, config),
            folder.path,
            workers=request.workers,
            servers=request.parameter_servers,
        )
        return RunResult(folder, exit_code=code)
    if request.find_lr:
        remedy = "choose such a recipe, because other recipes do not specify an optimizer"
        check(file.supervised, "--find-lr", file.name, "used with a recipe that defines build_trainer", remedy)
        return RunResult(folder, sweep=find_rate(file, config, folder.path, request.trust))
    metrics = run_recipe(file, config, settings, folder, request.resume, cluster, request.profile, request.trust)
    return RunResult(folder, metrics if cluster is None or cluster.chief else None)


def _worker_command(request: RunRequest, folder: RunFolder, config: Any) -> list[str]:
    """Return the command of a worker, which resumes the run, whose configuration this process has checked."""
    options = ["--profile"] * request.profile + ["--timeout", str(request.timeout), "--trust"]
    if folder.finished:
        options += ["--epochs", str(config.epochs)]
    # -P: modules in the current folder are not imported, as by the command itself.
    command = [sys.executable, "-P", "-m", "tensorsmith.tools", "run", request.name]
    return [*command, "--out", str(folder.path), "--resume", *options]


def _serve(cluster: Cluster) -> None:
    """Load the compiled ops, and run a TensorFlow server that executes the operations of the coordinator."""
    import importlib

    from tensorsmith.core import load_tensorflow

    load_tensorflow()
    importlib.import_module("tensorsmith.ops")
    cluster.serve()
