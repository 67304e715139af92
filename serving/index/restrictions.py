"""What a request leaves out of its answer: excluded candidates, all but an allow-list, all that a filter stops."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from serving.index import candidate_filter, candidate_index


class Restrictions:
    """The restrictions of a batch of queries, as tensors; each query has its own.

    Args:
      index: the corpus.
      filters: the filters that the export has.
      exclude_candidate_ids: `[num_queries, num_exclusions]` strings; empty and unknown ids exclude nothing.
      allow_candidate_ids: `[num_queries, num_allowed]` strings; a query with any but empty ones may be answered
        with these only.
      filter_values: `[num_queries, num_values]` strings by filter; a query with any but empty ones may be answered
        only with candidates that have one of them. Several filters must all be passed.
    """

    def __init__(
        self,
        index: candidate_index.CandidateIndex,
        filters: Sequence[candidate_filter.CandidateFilter],
        exclude_candidate_ids: tf.Tensor,
        allow_candidate_ids: tf.Tensor,
        filter_values: Mapping[str, tf.Tensor],
    ):
        self._num_candidates = index.num_candidates
        self._excluded_rows = index.rows_of(exclude_candidate_ids)
        self._allowed_rows = index.rows_of(allow_candidate_ids)
        self._has_allowed = tf.reduce_any(allow_candidate_ids != "", axis=1)
        self._filters = filters
        self._codes = [each.codes_of(filter_values[each.column_name]) for each in filters]
        self._filtered = [tf.reduce_any(filter_values[each.column_name] != "", axis=1) for each in filters]
        self._allowed_values = [each.allowed_values(codes) for each, codes in zip(filters, self._codes, strict=True)]

    def of(self, queries: tf.Tensor) -> "Restrictions":
        """Returns the restrictions of some of the queries, `[num_chosen]` positions in the batch."""
        chosen = object.__new__(Restrictions)
        chosen._num_candidates, chosen._filters = self._num_candidates, self._filters
        for name in ("_excluded_rows", "_allowed_rows", "_has_allowed"):
            setattr(chosen, name, tf.gather(getattr(self, name), queries))
        for name in ("_codes", "_filtered", "_allowed_values"):
            setattr(chosen, name, [tf.gather(each, queries) for each in getattr(self, name)])
        return chosen

    @property
    def num_excluded(self) -> tf.Tensor:
        """`[num_queries]` int32: how many candidates are excluded by name, repeated ones counted again."""
        return tf.reduce_sum(tf.cast(self._excluded_rows >= 0, tf.int32), axis=1)

    @property
    def is_listed(self) -> tf.Tensor:
        """`[num_queries]` bool: whether a list says who may pass: the allow-list or a filter's postings."""
        return tf.reduce_any(tf.stack([self._has_allowed, *self._filtered]), axis=0)

    @property
    def list_length(self) -> tf.Tensor:
        """`[num_queries]` int64: the length of the shortest such list, the size of the corpus where there is none."""
        corpus = tf.fill(tf.shape(self._has_allowed), tf.cast(self._num_candidates, tf.int64))
        num_allowed = tf.cast(tf.shape(self._allowed_rows)[1], tf.int64)
        lengths = [tf.where(self._has_allowed, num_allowed, corpus)]
        lengths += [tf.where(has, length, corpus) for has, length in zip(self._filtered, self._lengths(), strict=True)]
        return tf.reduce_min(tf.stack(lengths), axis=0)

    @property
    def passing_fraction(self) -> tf.Tensor:
        """`[num_queries]` float32: the share of the corpus that passes all filters, if they are independent."""
        share = tf.ones(tf.shape(self._has_allowed))
        for has, length in zip(self._filtered, self._lengths(), strict=True):
            passing = tf.minimum(tf.cast(length, tf.float32) / self._num_candidates, 1.0)
            share *= tf.where(has, passing, 1.0)
        return share

    def passes(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns whether candidates may be answered.

        Args:
          rows: `[num_queries, num_rows]`, from 0.

        Returns:
          `[num_queries, num_rows]` bool.
        """
        passing = ~self._contains(self._excluded_rows, rows)
        passing &= ~self._has_allowed[:, tf.newaxis] | self._contains(self._allowed_rows, rows)
        for each, has, allowed in zip(self._filters, self._filtered, self._allowed_values, strict=True):
            passing = tf.cond(
                tf.reduce_any(has),
                lambda passing=passing, each=each, has=has, allowed=allowed: (
                    passing & (~has[:, tf.newaxis] | each.passes(allowed, rows))
                ),
                lambda passing=passing: passing,
            )
        return passing

    def listed_rows(self) -> tf.Tensor:
        """Returns the shortest list of a single query, `[num_listed]` ascending rows; all rows if there is none."""
        lists = [(self._has_allowed[0], tf.cast(tf.shape(self._allowed_rows)[1], tf.int64), self._allow_list)]
        for position, length in enumerate(self._lengths()):
            each, codes = self._filters[position], self._codes[position][0]
            lists.append(
                (self._filtered[position][0], length[0], lambda each=each, codes=codes: each.posting_rows(codes))
            )
        sizes = tf.stack([tf.where(has, length, tf.int64.max) for has, length, _ in lists])
        shortest = tf.where(
            tf.reduce_any([has for has, _, _ in lists]), tf.argmin(sizes, output_type=tf.int32), len(lists)
        )
        branches = [read for _, _, read in lists]
        return tf.switch_case(shortest, [*branches, lambda: tf.range(self._num_candidates)])

    def _allow_list(self) -> tf.Tensor:
        rows = self._allowed_rows[0]
        return tf.sort(tf.unique(tf.boolean_mask(rows, rows >= 0)).y)

    def _lengths(self) -> list[tf.Tensor]:
        return [
            tf.reduce_sum(each.posting_lengths(codes), axis=1)
            for each, codes in zip(self._filters, self._codes, strict=True)
        ]

    def _contains(self, members: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Returns which `rows` are among the `members` of their query; a member of -1 is nobody."""
        return tf.cond(
            tf.reduce_any(members >= 0),
            lambda: _are_among(members, rows, self._num_candidates),
            lambda: tf.zeros(tf.shape(rows), tf.bool),
        )


def _are_among(members: tf.Tensor, rows: tf.Tensor, num_candidates: int) -> tf.Tensor:
    owners = tf.range(tf.cast(tf.shape(members)[0], tf.int64))[:, tf.newaxis] * num_candidates
    keys = tf.reshape(tf.where(members >= 0, owners + tf.cast(members, tf.int64), -1), [-1])
    # A last key that nobody has, so that every position is one.
    keys = tf.concat([tf.sort(keys), [tf.int64.max]], axis=0)
    wanted = owners + tf.cast(rows, tf.int64)
    found = tf.gather(keys, tf.searchsorted(keys, tf.reshape(wanted, [-1])))
    return tf.reshape(found, tf.shape(wanted)) == wanted
