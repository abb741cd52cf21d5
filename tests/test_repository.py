"""Tests of the rules of the repository that can be checked statically."""

import ast
import functools
import importlib.metadata
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import tensorsmith.core
import tensorsmith.tools.commands
from tensorsmith.recipes.catalog import all_recipes

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
KERNELS = sorted(path.parent for path in ROOT.glob("custom_ops/*/pyproject.toml"))
PROJECTS = [*KERNELS, *PACKAGES, ROOT / "tools", ROOT / "benchmarks"]
LISTED = subprocess.run(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
)
FILES = [path for name in LISTED.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]
PYTHON_FILES = [path for path in FILES if path.suffix == ".py"]
CODE_FILES = [path for path in FILES if path.suffix in (".py", ".cc", ".h")]
LOCKS = [
    "requirements.lock",
    "requirements-beam.lock",
    "requirements-bench.lock",
    "requirements-hub.lock",
    "requirements-notebook.lock",
]

MAY_USE_PRIVATE: set[str] = set()  # paths of files, each with a reason
INTERNALS = {  # the only files that read private attributes of TensorFlow, Keras and keras-tuner
    ROOT / "custom_ops/ops/src/tensorsmith/ops/_internals.py",
    ROOT / "packages/core/src/tensorsmith/core/keras_internals.py",
    ROOT / "packages/tuning/src/tensorsmith/tuning/_internals.py",
}
KERAS_USERS = [
    "data",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "schedules",
    "seq2seq",
    "testing",
    "text",
    "training",
    "tuning",
]
OWN = ("self", "cls", "super()", "type(self)")  # expressions for the object or class of a method
NAMED_TUPLE = {"_asdict", "_fields", "_make", "_replace"}  # public in spite of the underscore
# Assembled from parts, so that this file does not contain the forbidden strings.
FORBIDDEN = [
    *(".".join([host, "org"]) for host in ("pypi", "pythonhosted", "download.pytorch")),
    "-".join(["index", "url"]),
    *("/".join(["", folder, ""]) for folder in ("root", "work", "tmp/scratch")),
]


def imports(nodes):
    """Return the dotted names that the import statements among the nodes import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def parsed(path):
    return ast.parse(path.read_text())


def dotted_names(path):
    """Return the names that a file imports and its attribute expressions, such as `keras.layers.Dense`."""
    nodes = list(ast.walk(parsed(path)))
    return {*imports(nodes), *(ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute))}


def begins_with(name, prefixes):
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def test_no_private_interfaces():
    private = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in PYTHON_FILES
        if str(path.relative_to(ROOT)) not in MAY_USE_PRIVATE
        for name in dotted_names(path)
        if begins_with(name, ("tensorflow.python", "keras.src"))
    }
    assert not private


def is_private(name):
    return name.startswith("_") and not name.startswith("__") and name != "_" and name not in NAMED_TUPLE


def is_ours(kind):
    return kind.__module__.startswith("tensorsmith.")


def is_of_keras(kind):
    return kind.__module__.partition(".")[0] in ("keras", "keras_tuner")


@functools.cache
def classes_of_keras_users():
    """Return all classes in the modules of packages that use Keras."""
    kinds = set()
    for package in KERAS_USERS:
        folder = importlib.import_module(f"tensorsmith.{package}")
        for found in pkgutil.walk_packages(folder.__path__, f"{folder.__name__}."):
            kinds.update(filter(inspect.isclass, vars(importlib.import_module(found.name)).values()))
    return {kind for kind in kinds if is_ours(kind)}


@functools.cache
def class_node(kind):
    """Return the definition of a class at the top level of its module."""
    module = sys.modules.get(kind.__module__)  # missing for some classes of extension modules
    nodes = parsed(Path(module.__file__)).body if getattr(module, "__file__", "").endswith(".py") else []
    found = [node for node in nodes if isinstance(node, ast.ClassDef) and node.name == kind.__qualname__]
    return found[-1] if found else ast.Module([], [])


@functools.cache
def defined_names(tree):
    """Return the private names that are defined in a tree, including those of attributes that methods assign."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            of_object = isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls")
            names |= set() if of_object else {node.id if isinstance(node, ast.Name) else node.attr}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.alias):
            names.add(node.name)
    return set(filter(is_private, names))


def private_accesses(tree):
    """Yield (object, name, node) of accesses to private attributes, including `getattr` with a literal name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            yield ast.unparse(node.value), node.attr, node
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr", "setattr", "delattr"):
            name = getattr(node.args[1], "value", None)
            if isinstance(name, str) and is_private(name):
                yield ast.unparse(node.args[0]), name, node


def names_in_bases(kind, chosen):
    """Return the private names that the chosen ones of a class and its base classes define."""
    bases = [base for base in kind.__mro__[:-1] if chosen(base)]
    return {name for base in bases for name in (*defined_names(class_node(base)), *filter(is_private, vars(base)))}


def marks(kind):
    """Return the marks of a class by the names of the marked methods."""
    return {
        name: method.overrides_private for name, method in vars(kind).items() if hasattr(method, "overrides_private")
    }


def test_private_attributes_of_libraries():
    """Only three files access private attributes of TensorFlow, Keras and keras-tuner.

    A class may use the private names that it or its base classes in this project define, unless a base class in a
    library also defines them, and the methods that it overrides with a mark. Elsewhere, a name must be defined in this
    project, and must not be one of Keras or keras-tuner unless the object is `self` and the same file defines it.
    """
    of_project = {name for path in PYTHON_FILES for name in defined_names(parsed(path))}
    of_keras = {name for kind in classes_of_keras_users() for name in names_in_bases(kind, is_of_keras)}
    known, foreign = set(), set()
    for kind in classes_of_keras_users():
        usable = names_in_bases(kind, is_ours) - names_in_bases(kind, lambda base: not is_ours(base))
        usable |= {name for base in kind.__mro__ for name in marks(base)}
        for owner, name, node in private_accesses(class_node(kind)):
            if owner in OWN:
                known.add(node)
                if name not in usable:
                    foreign.add(f"{kind.__module__}:{node.lineno}: {owner}.{name}")
    for path in set(PYTHON_FILES) - INTERNALS:
        of_file = defined_names(parsed(path))
        for owner, name, node in private_accesses(parsed(path)):
            ours = name in of_project and (name not in of_keras or (owner in OWN and name in of_file))
            if node not in known and not ours:
                foreign.add(f"{path.relative_to(ROOT)}:{node.lineno}: {owner}.{name}")
    assert not foreign, "\n".join(sorted(foreign))


def test_marks_of_overridden_private_methods():
    """Each method that overrides a private method of Keras or keras-tuner is marked, and each mark is correct."""
    kinds = classes_of_keras_users()
    overriding = {
        (base, name)
        for kind in kinds
        for position, base in enumerate(kind.__mro__)
        if is_ours(base)
        for name in filter(is_private, vars(base))
        if any(is_of_keras(later) and callable(vars(later).get(name)) for later in kind.__mro__[position:])
    }
    marked = {(kind, name): mark for kind in kinds for name, (mark, _) in marks(kind).items()}
    assert marked == {(kind, name): name for kind, name in overriding}


def test_no_lambda_layers_and_no_pickle():
    unwanted = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in PYTHON_FILES
        if ROOT / "packages/migrate/tests/corpus" not in path.parents  # code as others write it
        for name in dotted_names(path)
        if name.endswith("layers.Lambda") or begins_with(name, ("pickle", "cloudpickle", "dill"))
    }
    assert not unwanted


PRINTING = {  # files that print without `print_text`
    "core/printing.py": "defines it",
    "core/quiet.py": "repeats the output of TensorFlow",
    "recipes/run_pool.py": "sends requests to another process",
    "recipes/run_server.py": "answers requests",
    "tools/console.py": "defines the console of the command",
}


def test_text_is_printed_with_one_function():
    """Other functions would print control characters of files and servers."""
    forbidden = ("print", "Console", "Text", "sys.stdout.write", "sys.stderr.write")
    found = set()
    for project in PROJECTS:
        for path in project.glob("src/tensorsmith/*/**/*.py"):
            name = str(path.relative_to(project / "src/tensorsmith"))
            calls = {ast.unparse(node.func) for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)}
            used = calls & set(forbidden if name.startswith("tools/") else forbidden[:1])
            if used and not name.startswith(("testing/", "benchmarks/")):
                found.add(name)
    assert found == set(PRINTING)


def test_no_long_files():
    assert not [path for path in CODE_FILES if len(path.read_text().splitlines()) > 500]


def test_no_index_urls_or_local_paths():
    texts = {path: path.read_bytes().decode(errors="replace") for path in FILES}
    assert not [f"{path}: {word}" for path, text in texts.items() for word in FORBIDDEN if word in text]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_package_layout(package):
    for name in ("README.md", "pyproject.toml", f"src/tensorsmith/{package.name}/__init__.py"):
        assert (package / name).is_file()
    assert not (package / "src/tensorsmith/__init__.py").exists()  # tensorsmith is a namespace package
    assert list((package / "tests").glob("*.py"))


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_package_is_typed(project):
    """Each package has `py.typed`, without which type checkers ignore its annotations, and is in the path of mypy."""
    (package,) = (project / "src/tensorsmith").iterdir()
    assert (package / "py.typed").read_bytes() == b""
    assert str((project / "src").relative_to(ROOT)) in project_table(ROOT)["tool"]["mypy"]["mypy_path"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_components_are_registered(package):
    """Packages with exported components have the entry point that `tensorsmith.core.register` imports."""
    exports = any("\n@export\n" in path.read_text() for path in package.glob("src/**/*.py"))
    points = project_table(package)["project"].get("entry-points", {}).get("tensorsmith.components", {})
    assert set(points) == ({package.name} if exports else set())


def test_share_of_any_annotations():
    """At most 12 % of the parameters are annotated `Any` or not annotated."""
    sources = [path for path in PYTHON_FILES if "tests" not in path.relative_to(ROOT).parts]
    functions = [
        node.args
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    parameters = [
        each
        for args in functions
        for each in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
        if each is not None and each.arg not in ("self", "cls")
    ]
    untyped = [each for each in parameters if each.annotation is None or ast.unparse(each.annotation) == "Any"]
    assert len(untyped) < 0.12 * len(parameters)


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_readme_installs_local_dependencies_too(project):
    folders = {project_table(folder)["project"]["name"]: folder for folder in PROJECTS}
    needed, new = set(), {project}
    while new:
        needed |= new
        texts = [text for folder in new for text in project_table(folder)["project"]["dependencies"]]
        new = {folders[text] for text in texts if text in folders} - needed
    (command,) = re.findall(r"^pip install (\./.*)$", (project / "README.md").read_text(), re.MULTILINE)
    assert {ROOT / word for word in command.split()} == needed


COMMANDS = {module.name.replace("_", "-") for module in pkgutil.iter_modules(tensorsmith.tools.commands.__path__)}


@pytest.mark.parametrize("project", [ROOT, *PROJECTS], ids=lambda path: path.name)
def test_readme_installs_the_commands_it_uses(project):
    """A README with `tensorsmith` commands shows how to install them. `make setup` installs the others."""
    text = " ".join((project / "README.md").read_text().split())
    used = set(re.findall(r"(?<![/\w])tensorsmith ([a-z-]+)", text)) & COMMANDS
    if used:
        assert re.search(r"pip install [^`]*(\./tools\b|\[(\w+,)*(tools|all)\])", text), used
    if re.search(r"\.venv/bin/|`(tensorsmith bench|pytest packages|pytest custom_ops)", text):
        assert "`make setup`" in text


REPLACED = {
    "LSTM",
    "GRU",
    "SimpleRNN",
    "AdditiveAttention",
    "Attention",
    "MultiHeadAttention",
    "LayerNormalization",
    "AdamW",
    "SGD",
}
FASTER_IN_KERAS = "with a context of 64, XLA runs the model faster than the kernels (see the header)"
EXCEPTIONS = {
    ("transformer/char_gpt", "layers.LayerNormalization"): FASTER_IN_KERAS,
    ("transformer/char_gpt", "layers.MultiHeadAttention"): FASTER_IN_KERAS,
}


def test_recipes_use_components_of_this_project():
    """Recipes use the layers, optimizers and schedules of this project where it has its own."""
    used = {
        (recipe.name, name)
        for recipe in all_recipes()
        for name in dotted_names(recipe.path)
        if name.split(".")[0] in ("keras", "layers", "optimizers")
        and (name.split(".")[-1] in REPLACED or "schedules." in name)
    }
    assert used == EXCEPTIONS.keys()


def test_recipes_depend_on_packages_of_recipe_files():
    """The recipe files, which the package contains, import only its dependencies."""
    needed = {
        f"tensorsmith-{name.split('.')[1]}"
        for recipe in all_recipes()
        for node in ast.walk(ast.parse(recipe.path.read_text()))
        for name in imports([node])
        if name.startswith("tensorsmith.")
    }
    dependencies = project_table(ROOT / "packages/recipes")["project"]["dependencies"]
    assert needed - {"tensorsmith-recipes"} <= set(dependencies)


def project_table(folder):
    return tomllib.loads((folder / "pyproject.toml").read_text())


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_version_matches_core(project):
    assert project_table(project)["project"]["version"] == tensorsmith.core.__version__


def test_extras_of_tensorsmith():
    """The distribution `tensorsmith` has an extra for each package, and `all` consists of these extras."""
    table = project_table(ROOT)["project"]
    version = f"=={tensorsmith.core.__version__}"
    names = {project_table(project)["project"]["name"] for project in (*KERNELS, *PACKAGES, ROOT / "tools")}
    extras = dict(table["optional-dependencies"])
    (everything,) = map(Requirement, extras.pop("all"))
    assert table["dependencies"] == [f"tensorsmith-core{version}"]
    assert extras == {name.partition("-")[2]: [name + version] for name in names - {"tensorsmith-core"}}
    assert (everything.name, everything.extras) == ("tensorsmith", extras.keys())
    assert f"=={table['version']}" == version


def lock_rows(name):
    """Yield the requirements in a lock file, each with its hashes."""
    for row in (ROOT / name).read_text().replace("\\\n", " ").splitlines():
        requirement, *hashes = row.split(" --hash=")
        yield Requirement(requirement.strip()), hashes


@pytest.mark.parametrize("name", LOCKS)
def test_lock_has_hashes_and_no_addresses(name):
    assert "://" not in (ROOT / name).read_text()
    rows = list(lock_rows(name))
    assert rows
    for requirement, hashes in rows:
        assert [specifier.operator for specifier in requirement.specifier] == ["=="]
        assert hashes
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", digest.strip()) for digest in hashes)


@pytest.mark.parametrize("name", LOCKS[1:])
def test_locks_of_groups_have_the_versions_of_the_main_lock(name):
    """Installing a group does not change the versions of packages that are already installed."""
    main, group = {}, {}
    for versions, lock in ((main, LOCKS[0]), (group, name)):
        for row, _ in lock_rows(lock):
            versions.setdefault(row.name, set()).add(str(row.specifier))
    assert main.keys() & group.keys()
    assert all(group[shared] <= main[shared] for shared in main.keys() & group.keys())


def declared(lock):
    """Return the requirements that the projects declare."""
    groups = project_table(ROOT)["dependency-groups"]
    if lock != "requirements.lock":
        return groups[lock.removeprefix("requirements-").removesuffix(".lock")]
    projects = list(map(project_table, PROJECTS))
    return [
        *groups["build"],
        *groups["dev"],
        *(text for project in projects for text in project["project"]["dependencies"]),
        *(text for project in projects for text in project["build-system"]["requires"]),
    ]


@pytest.mark.parametrize("python", ["3.11", "3.13"])
@pytest.mark.parametrize("name", LOCKS)
def test_lock_satisfies_declared_requirements(name, python):
    environment = {"python_version": python, "python_full_version": f"{python}.0"}

    def counts(requirement):
        return requirement.marker is None or requirement.marker.evaluate(environment)

    locked = {row.name: next(iter(row.specifier)).version for row, _ in lock_rows(name) if counts(row)}
    locked.setdefault("tensorflow", locked.get("tensorflow-cpu"))  # see tools/overrides.txt
    ours = {project_table(project)["project"]["name"] for project in PROJECTS}
    for need in filter(counts, map(Requirement, declared(name))):
        if need.name not in ours:
            wanted = need.name.lower()
            assert wanted in locked, f"{need} is not locked"
            assert need.specifier.contains(locked[wanted]), f"{need}, but {locked[wanted]} is locked"


@pytest.mark.slow
def test_tensorflow_hub_can_be_imported():
    """TensorFlow Hub imports pkg_resources, which setuptools 82 removed. Its deprecation warnings are ignored."""
    code = "import warnings; warnings.simplefilter('ignore'); import tensorflow_hub"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Addons has no wheel for Python 3.12 and later")
def test_typeguard_version():
    assert Version(importlib.metadata.version("typeguard")) < Version("3")


def test_help_lists_every_command():
    result = subprocess.run([sys.executable, "-m", "tensorsmith.tools", "--help"], capture_output=True, text=True)
    listed = {name.replace("-", "_") for name in re.findall(r"^    ([\w-]+)", result.stdout, re.MULTILINE)}
    assert listed == {module.name for module in pkgutil.iter_modules(tensorsmith.tools.commands.__path__)}
