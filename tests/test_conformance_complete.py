"""Tests that each public Keras component has a conformance row and is registered as `tensorsmith>NAME`."""

import importlib
import inspect
from pathlib import Path

import keras
import pytest

from tensorsmith.testing.conformance_file import FILE_NAME, load_rows

PACKAGES = Path(__file__).parents[1] / "packages"
BRIDGES = {"addons"}  # bridges to other libraries, which must be imported in a separate process
INTERFACES = {"AttentionMechanism", "BaseDecoder"}  # base classes that do not implement all of their methods
every_package = pytest.mark.parametrize(
    "package", sorted({path.parent.name for path in PACKAGES.glob("*/pyproject.toml")} - BRIDGES)
)
KINDS = (
    keras.layers.Layer,
    keras.losses.Loss,
    keras.metrics.Metric,
    keras.optimizers.Optimizer,
    keras.optimizers.schedules.LearningRateSchedule,
)


def components_among(public):
    return {name: thing for name, thing in public.items() if inspect.isclass(thing) and issubclass(thing, KINDS)}


def missing(public, tested):
    """Return the problems of the components among the public objects of a package.

    Models with their own training step need no row, because the checks require outputs with gradients. Interfaces need
    none either, because only their subclasses compute something.

    Args:
        public: Public objects of the package, by name.
        tested: Classes with conformance rows.
    """
    components = components_among(public)
    complaints = [
        f"{name} has no row in tests/{FILE_NAME}"
        for name, component in components.items()
        if component not in tested and name not in INTERFACES and not issubclass(component, keras.Model)
    ]
    for name, component in components.items():
        registered = keras.saving.get_registered_name(component)
        if registered != f"tensorsmith>{component.__name__}":
            complaints.append(f"{name} is registered as {registered}: put @export on it")
    return complaints


def public_objects(package):
    module = importlib.import_module(f"tensorsmith.{package}")
    return {name: getattr(module, name) for name in getattr(module, "__all__", ())}


def classes_with_rows(package):
    """Return the classes of the conformance rows; if a row uses a function, the class of the function's result."""
    paths = (PACKAGES / package / "tests").rglob(FILE_NAME)
    rows = [row for path in paths for row in load_rows(path).values()]
    return {row.make if inspect.isclass(row.make) else type(row.make(**row.kwargs)) for row in rows}


@every_package
def test_every_component_has_a_row(package):
    assert missing(public_objects(package), classes_with_rows(package)) == []


@every_package
def test_docstring_placeholders_are_filled(package):
    components = components_among(public_objects(package))
    assert not [name for name, component in components.items() if "{{" in (component.__doc__ or "")]


class Unregistered(keras.layers.Layer):
    pass


@keras.saving.register_keras_serializable("tensorsmith")
class Registered(keras.losses.Loss):
    pass


@keras.saving.register_keras_serializable("tensorsmith")
class Trained(keras.Model):
    pass


def test_missing_rows_and_exports():
    public = {"Unregistered": Unregistered, "Registered": Registered, "a_function": print, "a_class": dict}
    assert missing(public, {Unregistered, Registered}) == [
        "Unregistered is registered as Unregistered: put @export on it"
    ]
    assert missing(public, {Unregistered}) == [
        "Registered has no row in tests/conformance.py",
        "Unregistered is registered as Unregistered: put @export on it",
    ]
    assert missing({"Registered": Registered, "Trained": Trained}, {Registered}) == []
