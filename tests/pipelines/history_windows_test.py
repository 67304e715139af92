import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from pipelines import history_windows, prepared_data


def _examples(moments_of_queries):
    """Training examples of queries by the moments of their interactions, each in order."""
    rows, moments, begin, end = [], [], [], []
    for row, of_query in enumerate(moments_of_queries):
        first = len(rows)
        for moment in of_query:
            rows.append(row)
            moments.append(moment)
            begin.append(first)
            end.append(first + sum(earlier < moment for earlier in of_query))
    count = len(rows)
    return prepared_data.Examples(
        query_rows=np.array(rows, np.int32),
        candidate_rows=np.arange(count, dtype=np.int32),
        weights=np.ones(count, np.float32),
        timestamps=np.array(moments, np.int64),
        history_begin=np.array(begin, np.int32),
        history_end=np.array(end, np.int32),
        sequence=np.arange(count, dtype=np.int32),
        sequence_timestamps=np.array(moments, np.int64),
    )


def _as_lists(windows):
    return [
        (list(range(first, last)), list(range(begin, end)))
        for first, last, begin, end in zip(
            windows.example_begin, windows.example_end, windows.item_begin, windows.item_end, strict=True
        )
    ]


def test_seven_interactions_are_cut_as_the_documentation_says():
    windows = history_windows.cut_windows(_examples([range(7)]), 4)
    assert _as_lists(windows) == [([0, 1], [0]), ([2, 3], [0, 1, 2]), ([4, 5], [1, 2, 3, 4]), ([6], [3, 4, 5])]


def test_no_window_reaches_into_another_query():
    windows = history_windows.cut_windows(_examples([range(3), range(3)]), 10)
    assert _as_lists(windows) == [([0, 1, 2], [0, 1]), ([3, 4, 5], [3, 4])]


def test_a_window_shows_none_of_the_interactions_at_its_own_moment():
    windows = history_windows.cut_windows(_examples([[1, 1, 1, 1, 2]]), 4)
    assert _as_lists(windows) == [([0, 1, 2, 3], []), ([4], [1, 2, 3])]


def test_many_interactions_at_one_moment_are_in_several_windows_that_show_the_same():
    windows = history_windows.cut_windows(_examples([[1] + [2] * 10]), 4)
    shown = [([0, 1, 2, 3], [0]), ([4, 5, 6, 7], [0]), ([8, 9, 10], [0])]
    assert _as_lists(windows) == shown


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=30).map(sorted), min_size=1, max_size=4),
    st.integers(2, 9),
)
def test_every_example_is_in_one_window_that_shows_half_a_length_of_what_is_strictly_earlier(moments, length):
    examples = _examples(moments)
    windows = history_windows.cut_windows(examples, length)
    asked = []
    for of_window, shown in _as_lists(windows):
        asked += of_window
        assert max(len(of_window), len(shown)) <= length
        for example in of_window:
            earlier = list(range(examples.history_begin[example], examples.history_end[example]))
            seen = [item for item in shown if item < examples.history_end[example]]
            assert seen == earlier[len(earlier) - len(seen) :]
            assert len(seen) >= min(len(earlier), length // 2)
    assert asked == list(range(len(examples)))


def test_a_batch_holds_about_as_many_examples_as_it_should():
    windows = history_windows.cut_windows(_examples([range(100)] * 10), 20)
    # 10 windows of 10 examples in each of 10 queries.
    assert (len(windows), windows.windows_per_batch(250), windows.windows_per_batch(3)) == (100, 25, 1)


def test_a_window_of_one_candidate_is_refused():
    with pytest.raises(ValueError, match="history_length of 2 or more, but it is 1; raise it, or train interaction"):
        history_windows.cut_windows(_examples([range(3)]), 1)
