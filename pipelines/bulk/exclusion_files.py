"""Parquet files that say which candidates which query is not to be answered with, one pair a row."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipelines import artifacts
from pipelines.bulk import query_columns, query_sources
from serving import signatures
from tfrs_model import row_lists

_COLUMNS = (signatures.QUERY_ID, signatures.CANDIDATE_ID)


class ExclusionFiles:
    """Pairs of a query and a candidate, in any order; read through once for each part of the queries.

    Args:
      pattern: a path, a glob, or several with commas between.

    Raises:
      QuerySourceError: if there are no such files, or they have no such columns.
    """

    def __init__(self, pattern: str):
        paths = query_sources.matching("exclusion_files", pattern)
        try:
            self._pairs = ds.dataset([str(path) for path in paths], format="parquet")
        except pa.ArrowInvalid as error:
            raise query_sources.QuerySourceError(
                f"--exclusion_files={pattern} is no Parquet file ({error})."
            ) from error
        for name in _COLUMNS:
            if name not in self._pairs.schema.names:
                raise query_sources.QuerySourceError(
                    f"--exclusion_files={pattern} must have columns {' and '.join(_COLUMNS)}, but has "
                    f"{', '.join(self._pairs.schema.names)}; write one row for each pair."
                )
        self.sha256 = artifacts.sha256_of_json([artifacts.sha256_of_file(path) for path in paths])

    def read(self, query_ids: pa.Array, reader: query_columns.ExclusionReader) -> row_lists.RowLists:
        """Returns the rows that each of these queries excludes; a query may come more than once."""
        encoded = query_ids.dictionary_encode()
        owners, candidates = [np.zeros(0, np.int64)], [pa.array([], pa.string())]
        for batch in self._pairs.to_batches(columns=list(_COLUMNS)):
            owner = pc.index_in(batch[signatures.QUERY_ID].cast(pa.string()), encoded.dictionary)
            is_mine = pc.is_valid(owner)
            owners.append(owner.filter(is_mine).to_numpy())
            candidates.append(batch[signatures.CANDIDATE_ID].cast(pa.string()).filter(is_mine))
        owner = np.concatenate(owners)
        order = np.argsort(owner, kind="stable")
        lengths = np.bincount(owner, minlength=len(encoded.dictionary))
        of_distinct = reader.of_lists(lengths, pa.concat_arrays(candidates).take(pa.array(order)))
        return of_distinct.take(encoded.indices.to_numpy())
