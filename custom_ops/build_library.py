"""Compiles two libraries from C++ sources: the kernels of TensorFlow ops, and the standalone record codec.

    python build_library.py                       # both, into {ops,records}/src/tensorsmith/{ops,records}
    python build_library.py FOLDER --sanitize     # with AddressSanitizer and UndefinedBehaviorSanitizer

Every kernel is compiled once per instruction set.

Requires GCC 11 or later (`CXX`, else c++) and the headers of Eigen (package cmeel-eigen), but not TensorFlow: the
symbols of its C API are resolved when TensorFlow loads the library. Unchanged files are not compiled again.

Both distributions are built with this script. An sdist contains it next to its own `src`; the sdist of ops also
contains the C++ sources of records, which are part of its library.
"""

import argparse
import hashlib
import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

HERE = Path(__file__).parent
ROOTS = [root for root in (HERE / "ops/src", HERE / "records/src", HERE / "src") if root.is_dir()]
LIBRARIES = ("ops", "records")
OBJECTS = HERE / "build"
FLAGS = [
    "-std=c++17",
    "-O3",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-Wall",
    "-Wextra",
    "-Wno-psabi",
]
# With -O3, the sanitized kernels take almost three times as long to compile.
SANITIZE = ["-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]
X86_LEVELS = {
    "baseline": ["-march=x86-64"],
    "avx2": ["-march=x86-64-v3"],
    "avx512": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
LEVELS = X86_LEVELS if platform.machine() in ("x86_64", "AMD64") else {"baseline": []}


class BuildError(Exception):
    """Error raised if a library cannot be built. The message states the reason."""


def library_path(name: str) -> Path:
    """Returns the path of the compiled library with the given name, "ops" or "records"."""
    return _folder(f"tensorsmith/{name}") / f"libtensorsmith_{name}.so"


def build(name: str, target: Path | None = None, sanitize: bool = False) -> None:
    """Compiles and links the library with the given name, "ops" or "records".

    Args:
        name: Name of the library to build: "ops" or "records".
        target: Path of the output file. Defaults to the path from which the package loads the library.
        sanitize: If `True`, build with AddressSanitizer and UndefinedBehaviorSanitizer.

    Raises:
        BuildError: If there is no compiler, or if compilation fails.
    """
    {"ops": build_ops, "records": build_records}[name](target or library_path(name), sanitize=sanitize)


def build_ops(library: Path, kernels: Sequence[Path] = (), sanitize: bool = False) -> None:
    """Compiles and links the kernels of TensorFlow ops.

    Args:
        library: Path of the output file.
        kernels: Paths of kernel source files to compile in addition to those in `src/kernels`.
        sanitize: If `True`, build with AddressSanitizer and UndefinedBehaviorSanitizer.

    Raises:
        BuildError: If there is no compiler, or if compilation fails.
    """
    objects = _compile_all([*_units(kernels), *_records()], sanitize)
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=".linking-") as folder:
        # Links against an empty library with TensorFlow's soname, so that the real one is required at load time.
        framework = Path(folder) / "libtensorflow_framework.so.2"
        stand_in = ["-shared", "-x", "c++", os.devnull, f"-Wl,-soname,{framework.name}", "-o", str(framework)]
        _run([*_compiler(), *stand_in])
        _link(library, objects, ["-Wl,--no-as-needed", str(framework)], sanitize)


def build_records(library: Path, sanitize: bool = False) -> None:
    """Compiles and links the record codec, which does not depend on TensorFlow."""
    _link(library, _compile_all(_records(), sanitize), [], sanitize)


def _compiler() -> list[str]:
    return shlex.split(os.environ.get("CXX", "c++"))


def _compile_all(units: Iterable[tuple[list[str], Path]], sanitize: bool) -> list[Path]:
    """Compiles all translation units in parallel and returns their object files."""
    version = _run([*_compiler(), "--version"])
    flags = [*FLAGS, *(SANITIZE if sanitize else [])]
    headers = [*(f"-I{root}" for root in ROOTS), f"-I{_eigen()}"]
    OBJECTS.mkdir(exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        commands = [([*_compiler(), *flags, *more], source) for more, source in units]
        tasks = [pool.submit(_compile, command, headers, source, version) for command, source in commands]
        while waiting := wait(tasks, timeout=10).not_done:
            print(f"build_library: {len(tasks) - len(waiting)} of {len(tasks)} files compiled", flush=True)
        return [task.result() for task in tasks]


def _link(library: Path, objects: Sequence[Path], more: Sequence[str], sanitize: bool) -> None:
    """Links object files into a shared library, which atomically replaces an existing file."""
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=".linking-") as folder:
        draft = Path(folder) / library.name
        flags = ["-shared", *(SANITIZE if sanitize else []), *more, "-pthread", "-o", str(draft)]
        _run([*_compiler(), *map(str, objects), *flags])
        draft.replace(library)


def _records() -> Iterator[tuple[list[str], Path]]:
    """Yields the compiler flags and the source file of each translation unit of the record codec."""
    for source in sorted(_folder("records").glob("*.cc")):
        yield LEVELS["baseline"], source


def _units(kernels: Sequence[Path]) -> Iterator[tuple[list[str], Path]]:
    """Yields the compiler flags and the source file of each translation unit of the runtime and the kernels."""
    per_level = [_folder("runtime") / "matmul.cc", *sorted(_folder("kernels").glob("*.cc")), *kernels]
    for source in sorted(_folder("runtime").glob("*.cc")):
        if source not in per_level:
            yield LEVELS["baseline"], source
    for source in per_level:
        for level, flags in LEVELS.items():
            yield [f"-DTENSORSMITH_LEVEL={level}", *flags], source


def _compile(command: Sequence[str], headers: Sequence[str], source: Path, compiler: str) -> Path:
    """Compiles a source file, unless its object file is up to date, and returns the object file."""
    texts = [source, *(header for root in ROOTS for header in sorted(root.glob("*/*.h")))]
    made_with = "\0".join([*command, compiler, importlib.metadata.version("cmeel-eigen")])
    key = hashlib.sha256(made_with.encode() + b"".join(path.read_bytes() for path in texts))
    target = OBJECTS / f"{source.stem}-{key.hexdigest()[:16]}.o"
    if not target.exists():
        draft = target.with_suffix(f".{os.getpid()}.o")
        _run([*command, *headers, "-c", str(source), "-o", str(draft)])
        draft.replace(target)
    return target


def _folder(name: str) -> Path:
    """Returns the path of the source folder with the given name, in a checkout or a source distribution."""
    return next(root / name for root in ROOTS if (root / name).is_dir())


def _eigen() -> Path:
    """Returns the include folder of Eigen."""
    try:
        files = importlib.metadata.files("cmeel-eigen") or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    for file in files:
        if file.as_posix().endswith("include/eigen3/Eigen/Core"):
            return Path(str(file.locate())).parents[1]
    raise BuildError("Eigen's headers were not found. Run `pip install cmeel-eigen`.")


def _run(command: Sequence[str]) -> str:
    """Runs a command and returns its standard output."""
    try:
        result = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        raise BuildError(f"The C++ compiler {command[0]!r} was not found. Run `apt install g++`, or set CXX.") from None
    sys.stderr.write(result.stderr)
    if result.returncode != 0:
        raise BuildError(f"{command[0]} failed, see the messages above. GCC 11 or later is required.")
    return result.stdout


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="for both files; by default where they are loaded from")
    parser.add_argument("--sanitize", action="store_true")
    arguments = parser.parse_args()
    try:
        for name in LIBRARIES:
            path = library_path(name)
            build(name, arguments.folder / path.name if arguments.folder else path, arguments.sanitize)
    except BuildError as error:
        sys.exit(f"build_library: {error}")
