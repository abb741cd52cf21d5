"""Hypothesis strategy for tables with columns of all kinds."""

from hypothesis import strategies as st

from tensorsmith.records import Column

VALUES = {
    "bytes": st.binary(max_size=40),
    "float": st.floats(width=32),
    "int64": st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 300),
}


@st.composite
def tables(draw):
    """Draws a dict of names to columns of equal length, some of them with steps."""
    rows = draw(st.integers(0, 4))
    columns = {}
    # Names of equal length, as protobuf for Python sorts a name after names that start with it.
    names = draw(st.sets(st.sampled_from("abcéx").map(lambda letter: letter.rjust(3, "_")), max_size=4))
    for name in names:
        kind, steps = draw(st.sampled_from(sorted(VALUES))), draw(st.booleans())
        row = st.lists(VALUES[kind], max_size=5)
        row = st.none() | (st.lists(row, max_size=3) if steps else row)
        columns[name] = Column.lists(kind, draw(st.lists(row, min_size=rows, max_size=rows)), steps)
    return columns
