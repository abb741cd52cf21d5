"""Training recipes: catalog, configuration, run folders, and runs."""

from tensorsmith.recipes.catalog import RecipeFile, all_recipes, find_recipe
from tensorsmith.recipes.comparison import CompareRequest, compare
from tensorsmith.recipes.comparison_results import Comparison, VariantResult, comparison_table
from tensorsmith.recipes.configuration import from_flags, read_yaml, recipe_in, resolve, resolve_run, to_yaml
from tensorsmith.recipes.evaluation import ClassReport, Evaluation, Residuals
from tensorsmith.recipes.launch import RunFailedError, RunInterruptedError, RunRequest, RunResult, launch
from tensorsmith.recipes.prediction_files import Predictions
from tensorsmith.recipes.procedure import ProcedureRun
from tensorsmith.recipes.recipe_run import RecipeRun
from tensorsmith.recipes.recipe_settings import Settings, TrainingSettings
from tensorsmith.recipes.recorded.reproduction import Reproduction, reproduce
from tensorsmith.recipes.recorded.results import RecordedRun, Results, read_results
from tensorsmith.recipes.run_folder import RunFolder, new_folder
from tensorsmith.recipes.run_settings import RUN_SETTINGS, RunSettings
from tensorsmith.recipes.running import prepared_recipe
from tensorsmith.recipes.script import run_script
from tensorsmith.recipes.trained_run import TrainedRun
from tensorsmith.recipes.workers import run_workers

__all__ = [
    "RUN_SETTINGS",
    "ClassReport",
    "CompareRequest",
    "Comparison",
    "Evaluation",
    "Predictions",
    "ProcedureRun",
    "RecipeFile",
    "RecipeRun",
    "RecordedRun",
    "Reproduction",
    "Residuals",
    "Results",
    "RunFailedError",
    "RunFolder",
    "RunInterruptedError",
    "RunRequest",
    "RunResult",
    "RunSettings",
    "Settings",
    "TrainedRun",
    "TrainingSettings",
    "VariantResult",
    "all_recipes",
    "compare",
    "comparison_table",
    "find_recipe",
    "from_flags",
    "launch",
    "new_folder",
    "prepared_recipe",
    "read_results",
    "read_yaml",
    "recipe_in",
    "reproduce",
    "resolve",
    "resolve_run",
    "run_script",
    "run_workers",
    "to_yaml",
]
