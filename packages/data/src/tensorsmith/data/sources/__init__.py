"""Places that data files come from: an address, a Debian package, an archive on the Python package index."""

from tensorsmith.data.sources.address import Address
from tensorsmith.data.sources.base import File, Source, SourceError
from tensorsmith.data.sources.debian import DebianPackage
from tensorsmith.data.sources.pypi import PythonArchive

__all__ = ["Address", "DebianPackage", "File", "PythonArchive", "Source", "SourceError"]
