"""Names on the wire: signatures, inputs and outputs of an export. Loads nothing heavy."""

RECOMMEND = "serving_default"
EMBED_QUERY = "embed_query"
ALL = (RECOMMEND, EMBED_QUERY)

QUERY_ID = "query_id"
HISTORY = "history"
# When each candidate of the history was chosen, microseconds since 1970 UTC; -1 where that is not known.
HISTORY_TIMESTAMPS = "history_timestamps"
# When the query asks, likewise.
MOMENT = "moment"
# Behind the name of a list of values: the input of their weights.
WEIGHTS_SUFFIX = "_weights"

CANDIDATE_IDS = "candidate_ids"
SCORES = "scores"
EMBEDDING = "embedding"
