"""Hatch build hook that compiles the library of `tensorsmith-ops` or `tensorsmith-records`."""

import sysconfig
from typing import Any

from build_library import BuildError, build, library_path
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class LibraryHook(BuildHookInterface):
    """Build hook that runs before a regular or editable wheel is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles the library. If this fails, writes the reason to a file that the package reads on first use."""
        if self.target_name != "wheel":
            return
        name = self.metadata.name.removeprefix("tensorsmith-")
        library = library_path(name)
        reason_file = library.with_name("not_built.txt")
        reason_file.unlink(missing_ok=True)
        try:
            build(name)
        except BuildError as error:  # the package is usable without the library
            library.unlink(missing_ok=True)
            reason_file.write_text(f"it was not built: {error}\n")
            self.app.display_warning(f"{self.metadata.name}: {error}; the reference implementation takes over")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"  # independent of the versions of Python and TensorFlow
