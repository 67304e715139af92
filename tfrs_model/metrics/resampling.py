"""Draws questions again and again with replacement, as the bootstrap does (Efron, Annals of Statistics 1979).

What is drawn are owners: all questions of one query together, or each question by itself. Draws differ only
in how often each *distinct* row of values is taken, so where the rows repeat, as hits and misses do, a draw
is one multinomial number for each distinct row: the same distribution at a thousandth of the time.
"""

import math
from collections.abc import Iterator

import numpy as np

from tfrs_model.metrics.errors import MetricsError

NUM_DRAWS = 1000
# 2**22 float64 numbers are 32 MB.
_MAX_NUMBERS_PER_BLOCK = 1 << 22
# Measured: a multinomial number takes about as long as sixteen uniform ones that are counted.
_UNIFORM_PER_MULTINOMIAL = 16


def sums_by_owner(columns: np.ndarray, owners: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the questions of each owner sum up to, and how many they are.

    Args:
      columns: `[num_questions, num_columns]` finite values.
      owners: `[num_questions]` any numbers or names, such as the query that asks; `None` if each question
        stands for itself.

    Returns:
      `[num_owners, num_columns]` float64 and `[num_owners]` int64.

    Raises:
      MetricsError: if a value is not finite, or there are not as many owners as questions.
    """
    columns = np.asarray(columns, np.float64)
    if num_missing := np.sum(~np.isfinite(columns).all(axis=1)):
        raise MetricsError(
            f"Every question must have a finite value, but {num_missing} have none; leave them out, and say so."
        )
    if owners is None:
        return columns, np.ones(len(columns), np.int64)
    if len(owners) != len(columns):
        raise MetricsError(f"Every question has one owner, but {len(owners)} are given for {len(columns)} questions.")
    _, places, sizes = np.unique(owners, return_inverse=True, return_counts=True)
    sums = [np.bincount(places, weights=column, minlength=len(sizes)) for column in columns.T]
    return np.stack(sums, axis=1), sizes


def resampled_means(sums: np.ndarray, sizes: np.ndarray, num_draws: int, generator: np.random.Generator) -> np.ndarray:
    """Draws owners with replacement, as many as there are, and returns the means over their questions.

    Args:
      sums: `[num_owners, num_columns]` of each owner's questions, at least one owner.
      sizes: `[num_owners]` how many questions each has.
      num_draws: how often.
      generator: of the draws.

    Returns:
      `[num_draws, num_columns]`; an owner with more questions counts for more.
    """
    rows = np.concatenate([sums, sizes[:, np.newaxis]], axis=1)
    drawn = np.concatenate([counts @ some for counts, some in _drawn_counts(rows, num_draws, generator)])
    return drawn[:, :-1] / drawn[:, -1:]


def flipped_sums(sums: np.ndarray, num_draws: int, generator: np.random.Generator) -> np.ndarray:
    """Returns what the sums of owners, `[num_owners]`, add up to under random signs, `[num_draws]`."""
    values, counts = np.unique(np.abs(sums), return_counts=True)
    if len(values) * _UNIFORM_PER_MULTINOMIAL > len(sums):
        values, counts = np.abs(sums), np.ones(len(sums), np.int64)
    is_single = bool(np.all(counts == 1))
    blocks = [np.zeros(0)]
    for size in _block_sizes(num_draws, len(values)):
        shape = size, len(values)
        positive = generator.integers(0, 2, shape, np.int8) if is_single else generator.binomial(counts, 0.5, shape)
        blocks.append((2.0 * positive - counts) @ values)
    return np.concatenate(blocks)


def _drawn_counts(
    rows: np.ndarray, num_draws: int, generator: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields blocks of `[size, num_rows]` counts, with the rows that they count."""
    distinct, counts = _distinct_rows(rows)
    num_owners = len(rows)
    if len(distinct) * _UNIFORM_PER_MULTINOMIAL <= num_owners:
        for size in _block_sizes(num_draws, len(distinct)):
            yield generator.multinomial(num_owners, counts / num_owners, size).astype(np.float64), distinct
        return
    for size in _block_sizes(num_draws, num_owners):
        chosen = generator.integers(0, num_owners, (size, num_owners), np.uint32)
        yield np.stack([np.bincount(each, minlength=num_owners) for each in chosen]).astype(np.float64), rows


def _distinct_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the different rows and how often each is there; column by column, as NumPy sorts numbers fastest."""
    codes = np.zeros(len(rows), np.int64)
    for column in rows.T:
        values, places = np.unique(column, return_inverse=True)
        _, codes = np.unique(codes * len(values) + places, return_inverse=True)
    _, firsts, counts = np.unique(codes, return_index=True, return_counts=True)
    return rows[firsts], counts


def _block_sizes(num_draws: int, num_numbers: int) -> Iterator[int]:
    """Yields how many draws of so many numbers to make at once, so that they fit into memory."""
    size = max(1, _MAX_NUMBERS_PER_BLOCK // max(1, num_numbers))
    for block in range(math.ceil(num_draws / size)):
        yield min(size, num_draws - block * size)
