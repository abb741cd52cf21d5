"""Hosts of data files: web servers, Debian packages, and archives on the Python Package Index."""

from tensorsmith.data.datasets.hosts.address import Address
from tensorsmith.data.datasets.hosts.base import File, Host, SourceError
from tensorsmith.data.datasets.hosts.debian import DebianPackage
from tensorsmith.data.datasets.hosts.pypi import PythonArchive

__all__ = ["Address", "DebianPackage", "File", "Host", "PythonArchive", "SourceError"]
