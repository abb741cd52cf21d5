from tensorsmith.core import fill_docstring


def test_text_gets_the_indentation_of_its_line():
    class Component:
        """Component.

        Args:
            {{first}}
                A line after it.

        {{second}}
        """

    fill_docstring(Component, {"first": "a: One.\nb: Two.", "second": "Returns:\n    Nothing."})
    assert Component.__doc__ == "Component.\n\nArgs:\n    a: One.\n    b: Two.\n        A line after it.\n\n" + (
        "Returns:\n    Nothing."
    )


def test_other_names_stay():
    class Component:
        """Component.

        Args:
            {{unknown}}
        """

    fill_docstring(Component, {})
    assert Component.__doc__ == "Component.\n\nArgs:\n    {{unknown}}"


def test_class_without_docstring_stays_without():
    class Component:
        pass

    fill_docstring(Component, {})
    assert Component.__doc__ is None
