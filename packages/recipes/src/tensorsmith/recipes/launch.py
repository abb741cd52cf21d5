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

from tensorsmith.core import (
    SECONDS_TO_WAIT,
    ArgumentError,
    Cluster,
    Verbatim,
    argument_error,
    check,
    cluster_from_environment,
    end_with_launcher,
    exit_on_sigterm,
)
from tensorsmith.recipes.catalog import RecipeFile, find_recipe
from tensorsmith.recipes.configuration import from_flags, read_yaml, resolve_run
from tensorsmith.recipes.run_folder import RunFolder, folder_to_resume, new_folder
from tensorsmith.recipes.run_settings import RUN_SETTINGS, RunSettings
from tensorsmith.recipes.running import find_rate, run_recipe
from tensorsmith.recipes.trust import check_code_fields, check_content
from tensorsmith.recipes.workers import run_workers

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


class RunFailedError(Exception):
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
    check(request.timeout > 0, "--timeout", request.timeout, "a positive number of seconds")
    cluster = cluster_from_environment(request.timeout)
    check(
        cluster is None or request.out is not None,
        "--out",
        None,
        "a folder that all workers share when TF_CONFIG is set",
    )
    if cluster is not None and cluster.serves:
        _serve(cluster)
    _check_request(request, cluster)
    file = find_recipe(request.name)
    given = {**from_flags(request.flags), **request.settings}
    folder = folder_to_resume(file, request.out) if request.resume else None
    if folder is not None:
        if not request.trust:
            check_content(folder.path)
        _refuse_other_settings(file, folder, given, request)
    elif request.resume:
        log.info("There is no run to resume; a new run starts.")
    config, settings = _configuration(request, file, given, folder, cluster)
    settings.check_callbacks(folder.path if folder is not None else request.out or Path("runs"), request.trust)
    if folder is not None and folder.finished:
        extends = "epochs" in given and config.epochs > _trained_epochs(file, folder)
        if not extends:
            return RunResult(folder, had_finished=True)
    divides = request.workers is None or request.parameter_servers > 0 or config.batch_size % request.workers == 0
    expected = f"a multiple of the number of workers ({request.workers})"
    check(divides, "batch_size", getattr(config, "batch_size", None), expected)
    leads = cluster is None or cluster.chief
    new = folder is None
    if folder is None:
        folder = new_folder(file, request.out) if leads or request.out is None else RunFolder(request.out)
    if leads and new and not request.find_lr:
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
        if leads and new and not folder.has_progress(any_checkpoint=not isinstance(error, ArgumentError)):
            shutil.rmtree(folder.path, ignore_errors=True)  # so that the same command can be repeated
        if isinstance(error, ArgumentError):
            raise RunFailedError(str(error)) from error
        if cluster is not None and type(error).__name__ in CONNECTION_ERRORS:
            remedy = "" if launched else " To resume the run, run the same command again on all machines."
            raise RunFailedError(f"The connection to another process of the cluster was lost.{remedy}") from error
        raise


def _train(
    request: RunRequest,
    file: RecipeFile,
    config: Any,
    settings: RunSettings,
    folder: RunFolder,
    cluster: Cluster | None,
) -> RunResult:
    if request.workers is not None:
        arguments = ["run", request.name, "--out", str(folder.path), "--resume", *["--profile"] * request.profile]
        arguments += ["--timeout", str(request.timeout)]
        arguments.append("--trust")  # this process has checked the configuration
        if folder.finished:
            arguments += ["--epochs", str(config.epochs)]
        else:
            folder.write_config(file, config, settings)
        # -P: modules in the current folder are not imported, as by the command itself.
        command = [sys.executable, "-P", "-m", "tensorsmith.tools", *arguments]
        code = run_workers(command, folder.path, workers=request.workers, servers=request.parameter_servers)
        return RunResult(folder, exit_code=code)
    if request.find_lr:
        check(
            file.supervised,
            "--find-lr",
            file.name,
            "used with a recipe that defines build_trainer",
            "choose such a recipe, because other recipes do not specify an optimizer",
        )
        return RunResult(folder, sweep=find_rate(file, config, folder.path))
    metrics = run_recipe(file, config, settings, folder, request.resume, cluster, request.profile)
    return RunResult(folder, metrics if cluster is None or cluster.chief else None)


def _check_request(request: RunRequest, cluster: Cluster | None) -> None:
    """Raise an error if options of a run request are out of range or incompatible."""
    workers, servers = request.workers, request.parameter_servers
    check(workers is None or workers >= 1, "--workers", workers, ">= 1")
    fits = servers == 0 or (servers > 0 and workers is not None)
    check(fits, "--parameter-servers", servers, ">= 0, and 0 unless --workers is set")
    alone = cluster is None and not request.find_lr
    check(workers is None or alone, "--workers", workers, "omitted if --find-lr or TF_CONFIG is set")
    for name, other in (("--resume", request.resume), ("--profile", request.profile)):
        check(
            not (other and request.find_lr),
            "--find-lr",
            Verbatim(f"--find-lr with {name}"),
            "used without --resume or --profile",
        )


def _configuration(
    request: RunRequest,
    file: RecipeFile,
    given: Mapping[str, Any],
    folder: RunFolder | None,
    cluster: Cluster | None,
) -> tuple[Any, RunSettings]:
    """Return the default config of the recipe and settings, overridden by smoke test, config files and flags."""
    values = dict(file.declaration.smoke) if request.smoke else {}
    for path in (folder and folder.path / "config.yaml", request.config):
        if path:
            stored = read_yaml(path)
            if not request.trust:
                check_code_fields(file.declaration, {name: stored[name] for name in stored.keys() - given.keys()}, path)
            values.update(stored)
    if folder is not None and (request.workers or cluster) and "jit" in values:
        values["jit"] = "auto"  # the stored choice was made for one device
    named = str(values.get("recipe", file.name))
    moved = named.endswith(".py") and not Path(named).is_file() and Path(named).name == file.path.name
    if not moved and find_recipe(named).path != file.path:
        raise argument_error("config", named, f"a configuration of the recipe {file.name}")
    config, settings = resolve_run(file, {**values, **given})
    names = ", ".join(settings.changed())
    check(file.supervised or not names, names, file.name, "used with a recipe that defines build_trainer")
    return config, settings


def _refuse_other_settings(file: RecipeFile, folder: RunFolder, given: Mapping[str, Any], request: RunRequest) -> None:
    """Raise an error if settings have changed in a resumed run.

    The settings of its checkpoints may change, and the number of epochs, which must increase if the run is finished.
    """
    values = {**(file.declaration.smoke if request.smoke else {})}
    values |= read_yaml(request.config) if request.config else {}
    values |= given
    kept, asked = (_flat(*resolve_run(file, each)) for each in (read_yaml(folder.path / "config.yaml"), values))
    free = {"recipe", "epochs", "checkpoint_every", "checkpoint_keep"}
    free |= {"jit"} if isinstance(asked.get("jit"), str) else set()  # the stored value is the choice that was made
    changed = [name for name in values if name not in free and asked[name] != kept[name]]
    flags = " ".join(f"--{name.replace('_', '-') if name in RUN_SETTINGS else name}" for name in changed)
    check(
        not changed,
        "--resume",
        Verbatim(f"other values of {flags} than the run {folder.path}"),
        "used with the settings of the run to resume",
        "omit these options, or start a new run without --resume. To repeat the settings of the old run, pass its "
        "config.yaml with --config",
    )
    if folder.finished and "epochs" in given:
        before, epochs = _trained_epochs(file, folder), asked["epochs"]
        remedy = f"pass --epochs N with N > {before} to extend the run"
        check(epochs >= before, "--epochs", epochs, f">= {before} for the finished run {folder.path}", remedy)


def _trained_epochs(file: RecipeFile, folder: RunFolder) -> int:
    """Return the number of epochs of a finished run, which is smaller than that in `config.yaml` if it was stopped."""
    epochs: int = read_yaml(folder.path / "config.yaml")["epochs"]
    # A training procedure may end early because it has converged.
    return min(epochs, folder.completed_epochs()) if file.supervised else epochs


def _flat(config: Any, settings: RunSettings) -> dict[str, Any]:
    """Return the fields of a configuration and the settings of a run in one dict."""
    return {**dataclasses.asdict(config), **dataclasses.asdict(settings)}


def _serve(cluster: Cluster) -> None:
    """Load the compiled ops, and run a TensorFlow server that executes the operations of the coordinator."""
    import importlib

    from tensorsmith.core import load_tensorflow

    load_tensorflow()
    importlib.import_module("tensorsmith.ops")
    cluster.serve()
