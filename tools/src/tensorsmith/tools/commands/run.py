"""Train a recipe and write a run folder."""

import argparse
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from tensorsmith.core import ArgumentError, Verbatim, argument_error, check, cluster_from_environment
from tensorsmith.tools.catalog import find_recipe
from tensorsmith.tools.config import from_flags, read_yaml, resolve
from tensorsmith.tools.run_folder import RunFolder, folder_to_resume, new_folder
from tensorsmith.tools.running import find_rate, print_scores, run_recipe, serve
from tensorsmith.tools.workers import run_workers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the flags; what else is given sets fields of the recipe's Config."""
    parser.usage = (
        "tensorsmith run NAME [--config FILE.yaml] [--smoke] [--out DIR] [--resume | --find-lr] [--profile] "
        "[--workers N [--parameter-servers N]] [--FIELD VALUE ...]"
    )
    parser.allow_abbrev = False
    parser.add_argument("name", metavar="NAME", help="as `tensorsmith recipes` lists it, or a .py file", nargs="?")
    parser.add_argument(
        "--config", type=Path, metavar="FILE.yaml", help="fields from a file, such as a run's config.yaml"
    )
    parser.add_argument("--smoke", action="store_true", help="the size that ends in seconds")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run folder (runs/<recipe>/<timestamp>)")
    parser.add_argument("--resume", action="store_true", help="go on with DIR, or with the recipe's newest run")
    parser.add_argument("--find-lr", action="store_true", help="only look for a learning rate: the range test")
    parser.add_argument("--profile", action="store_true", help="record some steps for TensorBoard's profile plugin")
    parser.add_argument("--workers", type=int, metavar="N", help="train on N processes of this machine together")
    parser.add_argument(
        "--parameter-servers",
        type=int,
        default=0,
        metavar="N",
        help="and on N more, which hold the weights",
    )
    parser.add_argument("-h", "--help", action="store_true", help="this, and with NAME the recipe's fields")
    parser.set_defaults(parser=parser)


def execute(arguments: argparse.Namespace) -> int:
    """Trains."""
    if arguments.help or arguments.name is None:
        arguments.parser.print_help()
        if arguments.name is None:
            return 0 if arguments.help else 2
    recipe = find_recipe(arguments.name)
    if arguments.help:
        print(f"\nfields of {recipe.name}:")
        for name, comment in recipe.comments.items():
            print(f"  --{name:20} {comment} (default {getattr(recipe.config_class(), name)!r})")
        return 0
    given = from_flags(arguments.fields)
    cluster = cluster_from_environment()
    check(cluster is None or arguments.out, "--out", None, "a folder that all workers share, as TF_CONFIG names some")
    if cluster is not None and cluster.serves:
        serve(cluster)
    workers = arguments.workers
    check(workers is None or workers >= 1, "--workers", workers, "1 or more")
    servers = arguments.parameter_servers
    fits = servers == 0 or (servers > 0 and workers is not None)
    check(fits, "--parameter-servers", servers, "0 or more, with --workers")
    alone = cluster is None and not arguments.find_lr
    check(workers is None or alone, "--workers", workers, "none with --find-lr or within the cluster of TF_CONFIG")
    check(not (arguments.resume and arguments.find_lr), "--find-lr", Verbatim("--resume besides"), "one of the two")
    check(not (arguments.profile and arguments.find_lr), "--find-lr", Verbatim("--profile besides"), "one of the two")
    folder = folder_to_resume(recipe, arguments.out) if arguments.resume else None
    if folder is not None:
        refuse_other_settings(folder, given, arguments)
    values = dict(recipe.smoke) if arguments.smoke else {}
    for file in (folder and folder.path / "config.yaml", arguments.config):
        if file:
            values.update(read_yaml(file))
    if folder is not None and (workers or cluster) and "jit" in values:
        values["jit"] = "auto"  # what one device had settled
    if "recipe" in values and find_recipe(str(values["recipe"])).path != recipe.path:
        raise argument_error("config", values["recipe"], f"a configuration of {recipe.name}")
    config = resolve(recipe, {**values, **given})
    if folder is not None and (folder.path / "metrics.json").exists():
        print(f"{folder.path} is finished")
        return 0
    fits = workers is None or servers > 0 or config.batch_size % workers == 0
    check(fits, "batch_size", config.batch_size, f"a multiple of {workers}, the number of workers")
    leads = cluster is None or cluster.chief
    folder = folder or (new_folder(recipe, arguments.out) if leads else RunFolder(arguments.out))
    again = ["run", arguments.name, "--out", str(folder.path), "--resume"]
    try:
        if workers is not None:
            folder.write_config(recipe, config)
            command = [sys.executable, "-m", "tensorsmith.tools", *again, *["--profile"] * arguments.profile]
            return run_workers(command, folder.path, workers=workers, servers=servers)
        if arguments.find_lr:
            find_rate(recipe, config, folder, Console())
            return 0
        metrics = run_recipe(recipe, config, folder, arguments.resume, cluster, arguments.profile)
    except KeyboardInterrupt:
        again += ["--workers", str(workers)] if workers else []
        again += ["--parameter-servers", str(servers)] if servers else []
        print(f"interrupted; go on with: tensorsmith {shlex.join(again)}", file=sys.stderr)
        return 130
    except ArgumentError as error:  # asked for rightly, but the data or the recipe did not fit
        print(f"tensorsmith: {error}", file=sys.stderr)
        return 1
    finally:
        if leads and not any(folder.path.iterdir()):
            folder.path.rmdir()  # nothing came of it, and the same command shall work again
    if leads:
        print_scores(metrics, folder, Console())
    return 0


def refuse_other_settings(folder: RunFolder, given: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    """A run goes on with the settings it has; of an unfinished one only the number of epochs may change."""
    finished = (folder.path / "metrics.json").exists()
    kept = read_yaml(folder.path / "config.yaml")
    changed = [name for name, value in given.items() if value != kept.get(name) and (finished or name != "epochs")]
    others = [f"--{name}" for name in changed] + ["--config"] * bool(arguments.config) + ["--smoke"] * arguments.smoke
    check(
        not others,
        "--resume",
        Verbatim(f"{' '.join(others)} with the {'finished' if finished else 'unfinished'} run {folder.path}"),
        "the settings that the run has",
        "start a new run; --config with the old config.yaml makes it alike",
    )
