"""Builds the libraries while the package is installed; without a compiler the package installs all the same."""

import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))
from build_library import LIBRARY, RECORDS, BuildError, build, build_records


class LibraryHook(BuildHookInterface):
    """Runs before a wheel, editable or not, is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles, or leaves a note why that did not succeed, which the package shows at its first use."""
        if self.target_name != "wheel":
            return
        note = LIBRARY.with_name("not_built.txt")
        note.unlink(missing_ok=True)
        try:
            build()
            build_records()
        except BuildError as error:
            LIBRARY.unlink(missing_ok=True)
            RECORDS.unlink(missing_ok=True)
            note.write_text(f"it was not built: {error}\n")
            self.app.display_warning(f"tensorsmith-ops: {error}; plain TensorFlow and Python take over")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"  # the libraries serve every Python and TensorFlow
