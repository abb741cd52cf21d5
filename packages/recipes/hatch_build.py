"""Hatch build hook that adds the recipe files to the wheel, from a checkout or from a source distribution."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RecipeFilesHook(BuildHookInterface):
    """Build hook that runs before a regular or editable wheel is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Adds the folder of recipe files."""
        root = Path(self.root)
        (folder,) = (path for path in (root / "recipes", root.parents[1] / "recipes") if path.is_dir())
        build_data["force_include"][str(folder)] = "tensorsmith/recipes/files"
