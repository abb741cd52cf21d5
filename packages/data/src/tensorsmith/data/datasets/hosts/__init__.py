"""Places that data files come from: an address, a Debian package, an archive on the Python package index."""

from tensorsmith.data.datasets.hosts.address import Address
from tensorsmith.data.datasets.hosts.base import File, Source, SourceError
from tensorsmith.data.datasets.hosts.debian import DebianPackage
from tensorsmith.data.datasets.hosts.pypi import PythonArchive

__all__ = ["Address", "DebianPackage", "File", "PythonArchive", "Source", "SourceError"]
