"""Shared utilities of the tensorsmith packages."""

from tensorsmith.core._register import register
from tensorsmith.core.cluster import Cluster, cluster_from_environment
from tensorsmith.core.docstrings import SharedDocstrings
from tensorsmith.core.durations import Duration, Timeline
from tensorsmith.core.errors import (
    ArgumentError,
    ExpectedError,
    UnreadableFileError,
    Verbatim,
    argument_error,
    check,
    did_you_mean,
)
from tensorsmith.core.export import export
from tensorsmith.core.files import current_umask, end_of_log, open_log, read_text, replace_file, temporary_folder
from tensorsmith.core.init_arguments import init_arguments
from tensorsmith.core.keeps_arguments import KeepsArguments
from tensorsmith.core.limited_yaml import LimitedLoader, parse_yaml
from tensorsmith.core.metric_names import LARGER_IS_BETTER, SMALLER_IS_BETTER, best_direction
from tensorsmith.core.peers import SECONDS_TO_WAIT, unreachable, wait_for
from tensorsmith.core.printing import print_text, printable
from tensorsmith.core.processes import (
    LAUNCHER_PIPE,
    SECONDS_TO_SAVE,
    end_groups,
    end_on_hangup,
    end_with_launcher,
    exit_on_sigterm,
    free_ports,
    signal_group,
    signals_like_ctrl_c,
)
from tensorsmith.core.progress import SILENT, Advance, Progress, ProgressTask, format_bytes, in_notebook, unreported
from tensorsmith.core.quantities import is_integer, is_number, plain
from tensorsmith.core.quiet import load_tensorflow
from tensorsmith.core.recipe import (
    ProcedureRecipe,
    Recipe,
    Scores,
    SupervisedRecipe,
    declared_parts,
    recipe_of,
)
from tensorsmith.core.tracebacks import is_internal

__version__ = "0.1.0"  # version that all tensorsmith packages share

__all__ = [
    "LARGER_IS_BETTER",
    "LAUNCHER_PIPE",
    "SECONDS_TO_SAVE",
    "SECONDS_TO_WAIT",
    "SILENT",
    "SMALLER_IS_BETTER",
    "Advance",
    "ArgumentError",
    "Cluster",
    "Duration",
    "ExpectedError",
    "KeepsArguments",
    "LimitedLoader",
    "ProcedureRecipe",
    "Progress",
    "ProgressTask",
    "Recipe",
    "Scores",
    "SharedDocstrings",
    "SupervisedRecipe",
    "Timeline",
    "UnreadableFileError",
    "Verbatim",
    "__version__",
    "argument_error",
    "best_direction",
    "check",
    "cluster_from_environment",
    "current_umask",
    "declared_parts",
    "did_you_mean",
    "end_groups",
    "end_of_log",
    "end_on_hangup",
    "end_with_launcher",
    "exit_on_sigterm",
    "export",
    "format_bytes",
    "free_ports",
    "in_notebook",
    "init_arguments",
    "is_integer",
    "is_internal",
    "is_number",
    "load_tensorflow",
    "open_log",
    "parse_yaml",
    "plain",
    "print_text",
    "printable",
    "read_text",
    "recipe_of",
    "register",
    "replace_file",
    "signal_group",
    "signals_like_ctrl_c",
    "temporary_folder",
    "unreachable",
    "unreported",
    "wait_for",
]
