"""Shared utilities of the tensorsmith packages."""

from tensorsmith.core._register import register
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
from tensorsmith.core.files import current_umask, read_text, replace_file, temporary_folder
from tensorsmith.core.init_arguments import init_arguments
from tensorsmith.core.keeps_arguments import KeepsArguments
from tensorsmith.core.limited_yaml import LimitedLoader, parse_yaml
from tensorsmith.core.printing import print_text, printable
from tensorsmith.core.progress import SILENT, Advance, Progress, ProgressTask, format_bytes, in_notebook, unreported
from tensorsmith.core.quantities import is_integer, is_number, plain
from tensorsmith.core.quiet import load_tensorflow
from tensorsmith.core.tracebacks import is_internal

__version__ = "0.1.0"  # version that all tensorsmith packages share

__all__ = [
    "SILENT",
    "Advance",
    "ArgumentError",
    "Duration",
    "ExpectedError",
    "KeepsArguments",
    "LimitedLoader",
    "Progress",
    "ProgressTask",
    "SharedDocstrings",
    "Timeline",
    "UnreadableFileError",
    "Verbatim",
    "__version__",
    "argument_error",
    "check",
    "current_umask",
    "did_you_mean",
    "export",
    "format_bytes",
    "in_notebook",
    "init_arguments",
    "is_integer",
    "is_internal",
    "is_number",
    "load_tensorflow",
    "parse_yaml",
    "plain",
    "print_text",
    "printable",
    "read_text",
    "register",
    "replace_file",
    "temporary_folder",
    "unreported",
]
