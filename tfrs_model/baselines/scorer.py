"""What a fitted baseline answers."""

import abc

import numpy as np

from tfrs_model.baselines import query_states


class Scorer(abc.ABC):
    """Scores every candidate of the corpus for queries as they stand."""

    @abc.abstractmethod
    def scores(self, states: query_states.QueryStates) -> np.ndarray:
        """Returns `[num_states, num_candidates]` finite float32, the higher the better.

        What a query chose before is scored like any other candidate; who ranks leaves it out. Ask in blocks: nothing
        is kept but what is returned.
        """


class InnerProductScorer(Scorer):
    """Scores by the inner product of a query's and a candidate's vector, so that an index can answer too."""

    @property
    @abc.abstractmethod
    def candidate_embeddings(self) -> np.ndarray:
        """`[num_candidates, embedding_dim]` float32, in corpus order."""

    @abc.abstractmethod
    def embed_queries(self, states: query_states.QueryStates) -> np.ndarray:
        """Returns `[num_states, embedding_dim]` float32."""

    def scores(self, states: query_states.QueryStates) -> np.ndarray:
        """Returns `[num_states, num_candidates]` float32 inner products."""
        return self.embed_queries(states) @ self.candidate_embeddings.T
