from typing import ClassVar

from tensorsmith.core import SharedDocstrings


class Base(SharedDocstrings):
    shared_texts: ClassVar = {"first": "a: One.\nb: Two.", "second": "Returns:\n    Nothing."}


def test_text_gets_the_indentation_of_its_line():
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


def test_subclass_may_add_texts():
    class Component(Base):
        """{{first}}

        {{third}}
        """

        shared_texts: ClassVar = {**Base.shared_texts, "third": "More."}

    assert Component.__doc__ == "a: One.\nb: Two.\n\nMore."


def test_other_names_stay():
    class Component(Base):
        """Component.

        Args:
            {{unknown}}
        """

    assert Component.__doc__ == "Component.\n\nArgs:\n    {{unknown}}"


def test_class_without_docstring_stays_without():
    class Component(Base):
        pass

    assert Component.__doc__ is None
