"""Histories cut into windows, so that one reading of a window trains every position in it.

An example row by row reads its last `history_length` candidates again for each
interaction. A window is read once, and each interaction in it is a positive of the
state that the encoder has reached when it had read what is strictly earlier.
"""

import dataclasses

import numpy as np

from pipelines import prepared_data


@dataclasses.dataclass(frozen=True)
class HistoryWindows:
    """Stretches of the queries' sequences with the examples that are asked in each; every example is in one.

    Attributes:
      example_begin: `[num_windows]` first example of each window.
      example_end: `[num_windows]` position after the last one.
      item_begin: `[num_windows]` first position in `Examples.sequence` that the window shows.
      item_end: `[num_windows]` position after the last that any of its examples may see; at most
        `history_length` after `item_begin`.
    """

    example_begin: np.ndarray
    example_end: np.ndarray
    item_begin: np.ndarray
    item_end: np.ndarray

    def __len__(self) -> int:
        return len(self.example_begin)

    def windows_per_batch(self, batch_size: int) -> int:
        """Returns how many windows hold about `batch_size` examples; at least one."""
        num_examples = int(self.example_end[-1])
        return max(1, round(batch_size * len(self) / num_examples))


def cut_windows(examples: prepared_data.Examples, history_length: int) -> HistoryWindows:
    """Cuts the sequences of all queries into windows of at most `history_length` candidates.

    An example with n candidates before it belongs to window n // stride of its query, with a stride of half
    the length: so it sees at least half of `history_length` candidates, or all there are. With length 4 and
    stride 2 a query of seven interactions at different moments has examples 0 1, 2 3, 4 5, 6 in windows that
    show candidates 0, 0 1 2, 1 2 3 4 and 3 4 5. More than `history_length` examples, as many interactions at one
    moment make them, become several windows that show the same, so that no batch is much larger than the others.

    Args:
      examples: ordered by query and moment, as a split of prepared data is.
      history_length: the longest window, >= 2.

    Raises:
      ValueError: if the length is below 2.
    """
    if history_length < 2:
        raise ValueError(
            f"A window needs a history_length of 2 or more, but it is {history_length}; raise it, or train "
            "interaction by interaction."
        )
    stride = history_length // 2
    number = (examples.history_end - examples.history_begin) // stride
    is_first = np.ones(len(examples), bool)
    is_first[1:] = (np.diff(examples.query_rows) != 0) | (np.diff(number) != 0)
    starts = np.flatnonzero(is_first)
    since_start = np.arange(len(examples)) - np.repeat(starts, np.diff(starts, append=len(examples)))
    example_begin = np.flatnonzero(since_start % history_length == 0)
    example_end = np.append(example_begin[1:], len(examples))
    # Near the end of a long log int32 would overflow.
    begin = examples.history_begin[example_begin].astype(np.int64)
    latest = begin + (number[example_begin] + 1) * stride - 1
    return HistoryWindows(
        example_begin=example_begin,
        example_end=example_end,
        item_begin=np.maximum(begin, latest - history_length),
        # Examples of a query come in order of time, so the last one sees the most.
        item_end=examples.history_end[example_end - 1],
    )
