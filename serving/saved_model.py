"""One SavedModel that holds the query tower and the index, with named signatures."""

import os
from collections.abc import Mapping

import tensorflow as tf

from serving import signatures
from serving.index import candidate_index
from tfrs_model import towers

# Squares of larger numbers overflow in the tower, which would answer as if nothing were known.
_LARGEST_NUMBER = 1e15


class ServedRecommender(tf.Module):
    """From raw query features to candidate ids; nothing of training is in it.

    Args:
      query_tower: encodes the query. Its variables are saved, those of training are not.
      index: finds the candidates. It was built with the candidate tower of the same checkpoint.
      k: how many candidates are answered.
    """

    def __init__(self, query_tower: towers.QueryTower, index: candidate_index.CandidateIndex, k: int):
        super().__init__(name="served_recommender")
        self.query_tower = query_tower
        self.index = index
        self._k = k

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns the served functions by signature name."""
        inputs = self.query_tower.input_specs

        @tf.function
        def recommend(**features: tf.Tensor) -> dict[str, tf.Tensor]:
            return self.recommend(features)

        @tf.function
        def embed_query(**features: tf.Tensor) -> dict[str, tf.Tensor]:
            return {signatures.EMBEDDING: self._embed(features)}

        return {
            signatures.RECOMMEND: recommend.get_concrete_function(**inputs),
            signatures.EMBED_QUERY: embed_query.get_concrete_function(**inputs),
        }

    def recommend(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns the answer that the export is to give to raw query features."""
        ids, scores = self.index.search(self._embed(features), self._k)
        return {signatures.CANDIDATE_IDS: ids, signatures.SCORES: scores}

    def _embed(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        checks = [
            tf.debugging.Assert(
                tf.logical_not(tf.reduce_any(tf.abs(values) > _LARGEST_NUMBER)),
                [f"Input {name} must hold numbers within +-1e15, or NaN for missing ones."],
            )
            for name, values in features.items()
            if values.dtype.is_floating
        ]
        first, *others = features
        checks += [
            tf.debugging.assert_equal(
                tf.shape(features[other])[0],
                tf.shape(features[first])[0],
                message=f"Inputs {first} and {other} must have the same number of rows.",
            )
            for other in others
        ]
        with tf.control_dependencies(checks):
            return self.query_tower({name: tf.identity(values) for name, values in features.items()}, training=False)


def write_saved_model(served: ServedRecommender, model_dir: str | os.PathLike[str]) -> None:
    """Writes the SavedModel into an empty directory."""
    options = tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
    tf.saved_model.save(served, os.fspath(model_dir), signatures=served.signatures(), options=options)
