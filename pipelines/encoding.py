"""Questions and the corpus encoded by a model, with progress shown."""

import numpy as np

from pipelines import offline_evaluation, prepared_data, progress


def encode(
    embedder: offline_evaluation.Embedder, data: prepared_data.PreparedData, examples: prepared_data.Examples
) -> tuple[np.ndarray, np.ndarray]:
    """Returns `[num_examples, embedding_dim]` float32 of what asks and `[num_candidates, embedding_dim]` of the corpus.

    Args:
      embedder: of the model, which reads this data.
      data: whose corpus is encoded.
      examples: what asks.
    """
    with progress.progress_bar(len(examples) + data.corpus.num_rows, "Encoding", "row") as bar:
        return embedder.queries(examples, bar.update), embedder.corpus(bar.update)
