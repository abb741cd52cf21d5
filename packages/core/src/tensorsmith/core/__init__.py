"""What every tensorsmith package may import."""

from tensorsmith.core.cluster import Cluster, cluster_from_environment
from tensorsmith.core.durations import Duration, Timeline
from tensorsmith.core.errors import ArgumentError, Verbatim, argument_error, check, did_you_mean
from tensorsmith.core.export import export
from tensorsmith.core.files import replace_file
from tensorsmith.core.quantities import is_integer, is_number, plain
from tensorsmith.core.quiet import load_tensorflow

__all__ = [
    "ArgumentError",
    "Cluster",
    "Duration",
    "Timeline",
    "Verbatim",
    "argument_error",
    "check",
    "cluster_from_environment",
    "did_you_mean",
    "export",
    "is_integer",
    "is_number",
    "load_tensorflow",
    "plain",
    "replace_file",
]
