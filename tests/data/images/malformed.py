"""Damaged files, and what is said of them."""

from hypothesis import strategies as st

from mbnas.errors import DatasetError

REPLACEMENTS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4
)
"""Places in a file, from 0 to 1, and the bytes that they get."""


def replaced(content, replacements):
    """Return a file's content with some of its bytes replaced."""
    edited = bytearray(content)
    for where, value in replacements:
        edited[int(where * len(edited))] = value
    return edited


def refusal(read):
    """Return the message of the error that reading raises, None if it raises none."""
    try:
        read()
    except DatasetError as error:
        return str(error)
    return None
