"""Parts that runs of recipes and searches share: the recipe protocol, clusters, processes and metric names."""

from tensorsmith.runs.alone_in import alone_in
from tensorsmith.runs.cluster import Cluster, cluster_from_environment
from tensorsmith.runs.logs import end_of_log, open_log
from tensorsmith.runs.metric_names import LARGER_IS_BETTER, SMALLER_IS_BETTER, best_direction
from tensorsmith.runs.peers import SECONDS_TO_WAIT, unreachable, wait_for
from tensorsmith.runs.processes import (
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
from tensorsmith.runs.recipe import (
    ProcedureRecipe,
    Recipe,
    Scores,
    SupervisedRecipe,
    declared_parts,
    recipe_of,
)
from tensorsmith.runs.worker_processes import Process, Restarts, ask_to_end, end_processes, start_process

__all__ = [
    "LARGER_IS_BETTER",
    "LAUNCHER_PIPE",
    "SECONDS_TO_SAVE",
    "SECONDS_TO_WAIT",
    "SMALLER_IS_BETTER",
    "Cluster",
    "ProcedureRecipe",
    "Process",
    "Recipe",
    "Restarts",
    "Scores",
    "SupervisedRecipe",
    "alone_in",
    "ask_to_end",
    "best_direction",
    "cluster_from_environment",
    "declared_parts",
    "end_groups",
    "end_of_log",
    "end_on_hangup",
    "end_processes",
    "end_with_launcher",
    "exit_on_sigterm",
    "free_ports",
    "open_log",
    "recipe_of",
    "signal_group",
    "signals_like_ctrl_c",
    "start_process",
    "unreachable",
    "wait_for",
]
