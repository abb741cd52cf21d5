"""Report versions, compiled kernels and known incompatibilities."""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.version import Version
from rich.markup import escape

from tensorsmith.core import print_text
from tensorsmith.tools.console import make_console

TENSORFLOWS = ("tensorflow", "tensorflow-cpu")
ADDONS, BRIDGE = "tensorflow-addons", "tensorsmith-addons"
PACKAGES = (*TENSORFLOWS, "keras", "numpy", "tensorboard", "keras-tuner", ADDONS, BRIDGE, "tf-agents", "torch")
CHOSEN = "TENSORSMITH_OPS is set to reference"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command-line arguments to the parser."""
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--full", action="store_true", help="also load TensorFlow and the compiled kernels, in seconds")


def execute(arguments: argparse.Namespace) -> int:
    """Prints the report. The exit code is 1 if there are problems."""
    versions = installed(PACKAGES)
    problems = list(known_problems(versions, os.environ))
    kernels = loaded_kernels() if arguments.full else built_kernels()
    if kernels["fallback reason"] not in ("", CHOSEN):
        problems.append(
            f"Compiled kernels are disabled; reference implementations are used instead: {kernels['fallback reason']}"
        )
    if arguments.json:
        print_text(json.dumps({"versions": versions, "kernels": kernels, "problems": problems}, indent=2))
        return bool(problems)
    console = make_console()
    for title, values in (("versions", {"python": platform.python_version(), **versions}), ("kernels", kernels)):
        console.print(f"[bold]{title}[/]")
        for name, value in values.items():
            console.print(f"  {name:<20}{escape(_text(value))}", soft_wrap=True)
    console.print("[bold]problems[/]")
    for problem in problems:
        console.print(f"  {escape(problem)}", soft_wrap=True)
    if not problems:
        console.print("  none known")
    return bool(problems)


def installed(names: tuple[str, ...]) -> dict[str, str]:
    """Returns a dict that maps the names of installed packages to their versions."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def known_problems(versions: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[str]:
    """Yields descriptions of known incompatibilities, including the remedies.

    Args:
        versions: Mapping from package names to installed versions.
        environment: Mapping from the names of environment variables to their values.
    """
    found = next((versions[name] for name in TENSORFLOWS if name in versions), "")
    tensorflow = Version(found or "0")
    if not Version("2.18") <= tensorflow < Version("2.22"):
        yield f"TensorFlow {found or 'is missing'}: tensorsmith runs on 2.18 to 2.21."
    if Version(versions.get("keras", "0")) < Version("3.12"):
        yield (
            f"Keras {versions.get('keras', 'is missing')}: tensorsmith needs 3.12 or later. Run `pip install -U keras`."
        )
    if "tensorboard" not in versions:
        who = "Keras' TensorBoard callback" + (" and keras-tuner" if "keras-tuner" in versions else "")
        yield (
            f"TensorBoard is missing, but needed by {who}; TensorFlow 2.21 does not install it. "
            "Run `pip install tensorboard`."
        )
    if ADDONS in versions and BRIDGE not in versions and tensorflow >= Version("2.16"):
        yield "TensorFlow Addons does not load on TensorFlow 2.16 and later. Import it through tensorsmith.addons."
    if "tf-agents" in versions and tensorflow >= Version("2.16"):
        yield "TF-Agents does not run on Keras 3, the default since TensorFlow 2.16. Use a separate environment."
    backend = environment.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        yield f"KERAS_BACKEND is {backend}: tensorsmith needs tensorflow. Run `unset KERAS_BACKEND`."
    if environment.get("TF_USE_LEGACY_KERAS", "0") not in ("", "0", "false", "False"):
        yield (
            "TF_USE_LEGACY_KERAS is set: tf.keras is then Keras 2, which does not mix with Keras 3. "
            "Run `unset TF_USE_LEGACY_KERAS`."
        )


def built_kernels() -> dict[str, Any]:
    """Returns a dict that describes the file of the compiled kernels, without loading it or TensorFlow."""
    found = importlib.util.find_spec("tensorsmith.ops")
    folders = [Path(folder) for folder in found.submodule_search_locations or ()] if found else []
    libraries = [path for folder in folders for path in folder.glob("libtensorsmith_ops.so")]
    reasons = [path.read_text().strip() for folder in folders for path in folder.glob("not_built.txt")]
    reason = "" if libraries else next(iter(reasons), "tensorsmith-ops is not installed with a library")
    if os.environ.get("TENSORSMITH_OPS") == "reference":
        reason = CHOSEN
    library = str(libraries[0]) if libraries else ""
    return {"library": library, "fallback reason": reason, "loaded": "no; run `tensorsmith doctor --full`"}


def loaded_kernels() -> dict[str, Any]:
    """Returns a dict that describes the loaded kernels or the reason why they are not used."""
    nothing = {"instruction set": "", "supported": [], "ops": [], "fallback reason": ""}
    if os.environ.get("TENSORSMITH_OPS") == "reference":
        return {**nothing, "fallback reason": CHOSEN}
    try:
        from tensorsmith import ops
    except (ImportError, ValueError) as error:  # ValueError: TENSORSMITH_OPS has an invalid value
        return {**nothing, "fallback reason": str(error)}
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the report contains the reason
        library = ops.library()
    names = [name.removeprefix("tensorsmith_") for name in dir(library.ops) if name.startswith("tensorsmith_")]
    return {
        "instruction set": library.level,
        "supported": list(library.levels),
        "ops": [name for name in names if not name.endswith(("_grad", "_eager_fallback"))],
        "fallback reason": library.reason,
    }


def _text(value: Any) -> str:
    return (", ".join(value) if isinstance(value, list) else str(value)) or "-"
