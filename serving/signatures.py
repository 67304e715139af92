"""Names on the wire: signatures, inputs and outputs of an export. Loads nothing heavy."""

RECOMMEND = "serving_default"
EMBED_QUERY = "embed_query"
ALL = (RECOMMEND, EMBED_QUERY)

QUERY_ID = "query_id"
HISTORY = "history"

CANDIDATE_IDS = "candidate_ids"
SCORES = "scores"
EMBEDDING = "embedding"
