from typing import ClassVar

from tensorsmith.core import SharedDocstrings


class Base(SharedDocstrings):
    shared_texts: ClassVar = {"first": "a: One.\nb: Two.", "second": "Returns:\n    Nothing."}


def test_placeholder_indentation():
    class Component(Base):
        """Component.

        Args:
            {{first}}
                A line after it.

        {{second}}
        """

    assert Component.__doc__ == "Component.\n\nArgs:\n    a: One.\n    b: Two.\n        A line after it.\n\n" + (
        "Returns:\n    Nothing."
    )


def test_subclass_adds_shared_texts():
    class Component(Base):
        """{{first}}

        {{third}}
        """

        shared_texts: ClassVar = {**Base.shared_texts, "third": "More."}

    assert Component.__doc__ == "a: One.\nb: Two.\n\nMore."


def test_unknown_placeholder_is_unchanged():
    class Component(Base):
        """Component.

        Args:
            {{unknown}}
        """

    assert Component.__doc__ == "Component.\n\nArgs:\n    {{unknown}}"


def test_class_without_docstring():
    class Component(Base):
        pass

    assert Component.__doc__ is None
