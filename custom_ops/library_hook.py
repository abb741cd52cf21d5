"""The hatch hook of both distributions: builds the library of the one that is being installed."""

import sysconfig
from typing import Any

from build_library import BuildError, build, library_path
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LibraryHook(BuildHookInterface):
    """Runs before a wheel, editable or not, is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles, or leaves a note why that did not succeed, which the package shows at its first use."""
        if self.target_name != "wheel":
            return
        name = self.metadata.name.removeprefix("tensorsmith-")
        library = library_path(name)
        note = library.with_name("not_built.txt")
        note.unlink(missing_ok=True)
        try:
            build(name)
        except BuildError as error:  # without a compiler the package installs all the same
            library.unlink(missing_ok=True)
            note.write_text(f"it was not built: {error}\n")
            self.app.display_warning(f"{self.metadata.name}: {error}; the reference implementation takes over")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"  # a library serves every Python, and every TensorFlow
