"""An export as a job asks it that has millions of queries: numbers of rows in place of ids, in large batches."""

import importlib
import os
import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from serving import manifest, request_inputs, saved_model, signatures

_IDS = "retriever/index/_ids/.ATTRIBUTES/VARIABLE_VALUE"


class BulkRetrievalError(ValueError):
    """An export that cannot be asked in bulk."""


class BulkRetrieval:
    """Embeds queries by the signature that is served, and finds rows by the function behind every one that retrieves.

    A signature answers with ids. A hundred ids of a query take longer to make and to read than the search takes; their
    rows are numbers, and the ids of all rows are read once.

    Args:
      model_dir: the folder of a version.

    Attributes:
      manifest: of the version.
      restricting: the inputs that say what a query may be answered with.
      candidate_ids: `[num_candidates]` bytes, the ids of the rows.

    Raises:
      ManifestError: if the folder has no manifest, or is not as its manifest says.
      BulkRetrievalError: if it was exported before there were bulk answers.
    """

    def __init__(self, model_dir: str | os.PathLike[str]):
        self.manifest = manifest.read_manifest(model_dir)
        if self.manifest.get("index") == "scann_index":
            # Brings the operations of the index.
            importlib.import_module("scann")
        self._signatures = saved_model.load_saved_model(model_dir)
        loaded = self._signatures[signatures.EMBED_QUERY].loaded
        if not hasattr(loaded, "find_rows"):
            raise BulkRetrievalError(f"{os.fspath(model_dir)} answers single requests only; export the model again.")
        self._find = loaded.find_rows
        inputs = self._find.concrete_functions[0].structured_input_signature[0]
        self.restricting = tuple(spec.name for spec in inputs[2:])
        self._input_specs = {spec.name: spec for spec in inputs[2:]} | dict(
            self._signatures[signatures.EMBED_QUERY].specs
        )
        self.candidate_ids = candidate_ids(model_dir)

    @property
    def input_specs(self) -> dict[str, tf.TensorSpec]:
        """Shape and dtype of what a query may consist of: the inputs of its embedding, and its restrictions."""
        return self._input_specs

    def embed(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the embeddings of raw queries, `[num_queries, embedding_dim]`; inputs may be left out."""
        features = {name: values for name, values in inputs.items() if name not in self.restricting}
        return self._signatures[signatures.EMBED_QUERY](**features)[signatures.EMBEDDING]

    def find(
        self, embeddings: tf.Tensor, depth: int, restricting: Mapping[str, tf.Tensor]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the best rows of each query; fewer only where no more may be answered.

        Args:
          embeddings: `[num_queries, embedding_dim]` float32.
          depth: how many rows, from 1.
          restricting: texts by input, `[num_queries, num_texts]`; what is left out restricts nothing.

        Returns:
          Rows `[num_queries, depth]` int32, best first, -1 for none and then last, and scores of the same shape.
        """
        texts = [
            restricting[name] if name in restricting else tf.constant(request_inputs.default_of(spec), spec.dtype)
            for name, spec in ((name, self._input_specs[name]) for name in self.restricting)
        ]
        rows, scores = self._find(embeddings, tf.constant(depth), *texts)
        return rows.numpy(), scores.numpy()


def candidate_ids(model_dir: str | os.PathLike[str]) -> np.ndarray:
    """Returns the candidate ids of a version by row, `[num_candidates]` bytes; no operation of its index is needed.

    Raises:
      BulkRetrievalError: if the version holds none.
    """
    variables = pathlib.Path(model_dir) / "variables" / "variables"
    try:
        return tf.train.load_checkpoint(os.fspath(variables)).get_tensor(_IDS)
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise BulkRetrievalError(
            f"{os.fspath(model_dir)} holds no candidate ids that can be read; export again."
        ) from error
