"""Layer norm of embeddings that are there already, the cheapest of the remedies."""

import numpy as np


def layer_norm(embeddings: np.ndarray) -> np.ndarray:
    """Returns each row with mean 0 and mean square 1; a row of one value becomes 0.

    (Ba, Kiros and Hinton 2016, without learned scale and shift.) [[1, 3]] becomes [[-1, 1]]. The cosine of two such
    rows is the correlation of the two embeddings over their dimensions.

    Args:
      embeddings: `[num_candidates, embedding_dim]` floats.
    """
    centred = embeddings - embeddings.mean(axis=1, keepdims=True)
    deviation = np.sqrt(np.mean(centred**2, axis=1, keepdims=True))
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0.0)
