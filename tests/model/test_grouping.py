"""Where groups begin, against the obvious way."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.model import changes

SMALL = st.integers(0, 2)


@given(st.lists(st.tuples(SMALL, SMALL), max_size=20))
def test_changes__are_rows_that_differ_from_the_one_before(rows):
    columns = np.array(rows, np.int64).reshape(-1, 2).T
    assert changes(*columns).tolist() == [i == 0 or rows[i] != rows[i - 1] for i in range(len(rows))]
