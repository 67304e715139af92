"""What is served: both towers, the index and its filters, as one function for each signature."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from serving import query_table as query_table_lib
from serving import request_checks, request_inputs, signatures, tf_examples
from serving.index import candidate_index, restrictions
from serving.index import retriever as retriever_lib
from tfrs_model import similarity as similarity_lib
from tfrs_model import towers

_Tensors = Mapping[str, tf.Tensor]
_TEXTS = tf.TensorSpec([None, None], tf.string)


class ServedRecommender(tf.Module):
    """From raw features to candidate ids; nothing of training is in it.

    Every input of a signature may be left out but for the one that it is about: a missing feature is unknown, `k` is
    that of the export, and without restrictions the whole corpus is answered from.

    Args:
      query_tower: encodes the query.
      candidate_tower: of the same checkpoint; embeds candidates that a request brings.
      retriever: index and filters; the index was built with that candidate tower.
      similarity: what the inner product of both towers' outputs is.
      k: how many candidates are answered where a request does not say.
      max_k: the most that a request may ask for.
      query_table: embeddings of known queries; `None` for none.

    Raises:
      ValueError: if a feature is named like an input that every request has, or k exceeds its limit.
    """

    def __init__(
        self,
        query_tower: towers.QueryTower,
        candidate_tower: towers.CandidateTower,
        retriever: retriever_lib.Retriever,
        similarity: str,
        k: int,
        max_k: int,
        query_table: query_table_lib.QueryTable | None = None,
    ):
        super().__init__(name="served_recommender")
        if not 1 <= k <= max_k:
            raise ValueError(f"k must be between 1 and max_k ({max_k}), but is {k}.")
        filters = [signatures.FILTER_PREFIX + each.column_name for each in retriever.filters]
        request_inputs.require_distinct(
            query_tower.input_specs, [*signatures.RESERVED, *filters, signatures.CANDIDATE_IDS]
        )
        request_inputs.require_distinct(candidate_tower.input_specs, [signatures.EXAMPLES])
        self.query_tower = query_tower
        self.candidate_tower = candidate_tower
        self.retriever = retriever
        self.query_table = query_table
        self._similarity = similarity
        self._k = k
        self._max_k = max_k
        self._restricting = (signatures.EXCLUDE_CANDIDATE_IDS, signatures.ALLOW_CANDIDATE_IDS, *filters)
        # Traced once for all signatures that retrieve, and for whoever asks for rows in bulk.
        self.find_rows = tf.function(
            self._find_rows,
            input_signature=[
                tf.TensorSpec([None, retriever.index.embedding_dim]),
                tf.TensorSpec([], tf.int32),
                *(tf.TensorSpec(_TEXTS.shape, _TEXTS.dtype, name) for name in self._restricting),
            ],
        )

    @property
    def index(self) -> candidate_index.CandidateIndex:
        """The corpus."""
        return self.retriever.index

    def input_specs(self, signature_name: str) -> dict[str, tf.TensorSpec]:
        """Returns shape and dtype of every input of a signature, by name."""
        query = dict(self.query_tower.input_specs)
        if self.query_table is not None:
            query[signatures.USE_PRECOMPUTED] = tf.TensorSpec([None], tf.bool)
            query.setdefault(signatures.QUERY_ID, tf.TensorSpec([None], tf.string))
        restricting = {
            signatures.K: tf.TensorSpec([None], tf.int32),
            **dict.fromkeys(self._restricting, _TEXTS),
        }
        one_text = tf.TensorSpec([None], tf.string)
        return {
            signatures.RECOMMEND: query | restricting,
            signatures.RECOMMEND_EXAMPLES: {signatures.EXAMPLES: one_text} | restricting,
            signatures.EMBED_QUERY: query,
            signatures.EMBED_CANDIDATES: dict(self.candidate_tower.input_specs),
            signatures.SCORE: query | {signatures.CANDIDATE_IDS: _TEXTS},
            signatures.SIMILAR_CANDIDATES: {signatures.CANDIDATE_ID: one_text} | restricting,
        }[signature_name]

    def defaults(self, signature_name: str) -> dict[str, np.ndarray]:
        """Returns what each input of a signature is where a request leaves it out."""
        specs = self.input_specs(signature_name)
        return {name: request_inputs.default_of(spec) for name, spec in specs.items()}

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """Returns the served functions by signature name."""
        functions = {
            signatures.RECOMMEND: self.recommend,
            signatures.RECOMMEND_EXAMPLES: self.recommend_examples,
            signatures.EMBED_QUERY: self.embed_query,
            signatures.EMBED_CANDIDATES: self.embed_candidates,
            signatures.SCORE: self.score,
            signatures.SIMILAR_CANDIDATES: self.similar_candidates,
        }
        return {name: self._concrete(name, function) for name, function in functions.items()}

    def _concrete(self, name: str, function) -> tf.types.experimental.ConcreteFunction:
        served = tf.function(lambda **inputs: function(inputs))
        return served.get_concrete_function(
            **{each: tf.TensorSpec(spec.shape, spec.dtype, each) for each, spec in self.input_specs(name).items()}
        )

    def recommend(self, inputs: _Tensors) -> dict[str, tf.Tensor]:
        """Answers raw query features with candidates, best first."""
        inputs, num_rows = self._with_rows(signatures.RECOMMEND, inputs)
        return self._retrieve(self._embed(inputs, num_rows), inputs)

    def recommend_examples(self, inputs: _Tensors) -> dict[str, tf.Tensor]:
        """Answers query features that come as serialized tf.train.Example messages."""
        inputs, num_rows = self._with_rows(signatures.RECOMMEND_EXAMPLES, inputs, signatures.EXAMPLES)
        features = tf_examples.parse(inputs[signatures.EXAMPLES], self.query_tower.input_specs)
        features, _ = request_inputs.require_rows(features)
        return self._retrieve(self._embed(features, num_rows), inputs)

    def embed_query(self, inputs: _Tensors) -> dict[str, tf.Tensor]:
        """Answers raw query features with embeddings."""
        inputs, num_rows = self._with_rows(signatures.EMBED_QUERY, inputs)
        return {signatures.EMBEDDING: self._embed(inputs, num_rows)}

    def embed_candidates(self, inputs: _Tensors) -> dict[str, tf.Tensor]:
        """Answers raw candidate features with embeddings; of an id that is not known the rest speaks."""
        inputs, num_rows = self._with_rows(signatures.EMBED_CANDIDATES, inputs)
        completed = request_inputs.completed(inputs, num_rows, request_inputs.companions(inputs))
        embeddings = self.candidate_tower(completed, training=False)
        return {signatures.EMBEDDING: request_inputs.require_moderate_embeddings(embeddings)}

    def score(self, inputs: _Tensors) -> dict[str, tf.Tensor]:
        """Scores given candidates for each query; those that are not in the corpus are not valid."""
        inputs, num_rows = self._with_rows(signatures.SCORE, inputs, signatures.CANDIDATE_IDS)
        rows = self.index.rows_of(request_inputs.with_all_rows(inputs[signatures.CANDIDATE_IDS], num_rows))
        vectors = self.index.vectors_of(tf.maximum(rows, 0))
        scores = tf.linalg.matvec(vectors, self._embed(inputs, num_rows))
        is_known = rows >= 0
        return {
            signatures.SCORES: tf.where(is_known, scores, candidate_index.PADDING_SCORE),
            signatures.VALID: is_known,
        }

    def similar_candidates(self, inputs: _Tensors) -> dict[str, tf.Tensor]:
        """Answers candidates of the corpus with their neighbours, themselves left out; a stranger has none."""
        inputs, num_rows = self._with_rows(signatures.SIMILAR_CANDIDATES, inputs, signatures.CANDIDATE_ID)
        own = inputs[signatures.CANDIDATE_ID][:, tf.newaxis]
        rows = self.index.rows_of(own)[:, 0]
        vectors = self.index.vectors_of(tf.maximum(rows, 0))
        excluded = tf.concat(
            [request_inputs.with_all_rows(inputs[signatures.EXCLUDE_CANDIDATE_IDS], num_rows), own], axis=1
        )
        return self._retrieve(
            similarity_lib.candidates_as_queries(vectors, self._similarity),
            {**inputs, signatures.EXCLUDE_CANDIDATE_IDS: excluded},
            is_answered=rows >= 0,
        )

    def _embed(self, inputs: _Tensors, num_rows: tf.Tensor) -> tf.Tensor:
        features = {name: inputs[name] for name in self.query_tower.input_specs}
        if self.query_table is None or signatures.USE_PRECOMPUTED not in inputs:
            return self._embed_features(features, num_rows)
        given = {name: inputs[name] for name in (signatures.QUERY_ID, signatures.USE_PRECOMPUTED)}
        completed = request_inputs.completed(given, num_rows, {})
        rows = self.query_table.rows_of(completed[signatures.QUERY_ID])
        is_known = completed[signatures.USE_PRECOMPUTED] & (rows >= 0)
        precomputed = self.query_table.embeddings_of(rows)
        return tf.cond(
            tf.reduce_all(is_known),
            lambda: tf.identity(precomputed),
            lambda: tf.where(is_known[:, tf.newaxis], precomputed, self._embed_features(features, num_rows)),
        )

    def _embed_features(self, features: _Tensors, num_rows: tf.Tensor) -> tf.Tensor:
        completed = request_inputs.completed(features, num_rows, request_inputs.companions(features))
        return request_inputs.require_moderate_embeddings(self.query_tower(completed, training=False))

    def _retrieve(
        self, embeddings: tf.Tensor, inputs: _Tensors, is_answered: tf.Tensor | None = None
    ) -> dict[str, tf.Tensor]:
        wanted = inputs[signatures.K]
        k = tf.reduce_max(wanted)
        rows, scores = self.find_rows(embeddings, k, *(inputs[name] for name in self._restricting))
        is_valid = (rows >= 0) & (tf.range(k) < wanted[:, tf.newaxis])
        if is_answered is not None:
            is_valid &= is_answered[:, tf.newaxis]
        return {
            signatures.CANDIDATE_IDS: self.index.ids_of(tf.where(is_valid, rows, -1)),
            signatures.SCORES: tf.where(is_valid, scores, candidate_index.PADDING_SCORE),
            signatures.VALID: is_valid,
        }

    def _find_rows(self, embeddings: tf.Tensor, k: tf.Tensor, *texts: tf.Tensor) -> retriever_lib.Retrieved:
        """Returns rows and scores of the k best; the texts are those of `_restricting`, without rows where left out."""

        def restricted() -> restrictions.Restrictions:
            num_rows = tf.shape(embeddings)[0]
            exclude, allow, *values = (request_inputs.with_all_rows(each, num_rows) for each in texts)
            names = [each.column_name for each in self.retriever.filters]
            filter_values = dict(zip(names, values, strict=True))
            return restrictions.Restrictions(self.index, self.retriever.filters, exclude, allow, filter_values)

        is_restricted = functools.reduce(tf.logical_or, [tf.reduce_any(each != "") for each in texts])
        return self.retriever.retrieve(embeddings, k, is_restricted, restricted)

    def _with_k(self, inputs: _Tensors) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Checks all inputs; k becomes how many candidates each row asks for, `[1 or num_rows]`."""
        given = request_inputs.as_given(inputs[signatures.K])
        # One number may come without a list around it.
        k = tf.reshape(given, [-1])
        wanted = tf.concat([k, [self._k]], axis=0)[: tf.maximum(tf.size(k), 1)]
        about_rows = {name: values for name, values in inputs.items() if name != signatures.K}
        checked, num_rows = request_inputs.require_rows(
            about_rows, lambda num_rows: self._is_answerable(given, wanted, num_rows)
        )
        with tf.control_dependencies([num_rows]):
            return {**checked, signatures.K: tf.identity(wanted)}, num_rows

    def _is_answerable(self, k: tf.Tensor, wanted: tf.Tensor, num_rows: tf.Tensor) -> Sequence[request_checks.Check]:
        is_wrong = (wanted < 1) | (wanted > self._max_k)
        length = tf.size(wanted)
        return (
            (
                ~tf.reduce_any(is_wrong),
                lambda: request_checks.sentence(
                    f"k must be between 1 and {self._max_k} in every row, but is ",
                    tf.strings.reduce_join(tf.strings.as_string(tf.boolean_mask(wanted, is_wrong)[:1])),
                    "; ask for fewer, or export with a larger max_k.",
                ),
            ),
            (
                (tf.size(tf.shape(k)) <= 1) & ((length == 1) | (length == num_rows)),
                lambda: request_checks.sentence(
                    "k must be one number for all rows, or one for each of the ",
                    num_rows,
                    " rows, but there are ",
                    length,
                    "; give one.",
                ),
            ),
        )

    def _with_rows(
        self, signature_name: str, inputs: _Tensors, needed: str | None = None
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Returns inputs with the defaults of those that a caller in Python left out, and their number of rows.

        Checks them, and that the one that is needed is there.
        """
        inputs = {
            name: inputs[name] if name in inputs else tf.constant(request_inputs.default_of(spec), spec.dtype)
            for name, spec in self.input_specs(signature_name).items()
        }
        checked, num_rows = self._with_k(inputs) if signatures.K in inputs else request_inputs.require_rows(inputs)
        if needed is not None:
            checked[needed] = request_inputs.require_given(needed, checked[needed])
        return checked, num_rows
