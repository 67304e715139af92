"""Which requests may share a batch, and what has to be the same in all that do.

TensorFlow Serving's BatchingSession puts every request of a signature into one queue. Here three more things are
looked at, because the answers would differ from those of requests that run by themselves:

- A signature may declare inputs that a request can leave out by a default without rows, as this project's exports do
  for all of them. Such an input stays left out, so only requests that leave out the same ones share a batch. A
  default with rows is a value like any other, and is filled in, as there.
- Where `k` can be left out it says how wide the answer is. Only requests of the same largest `k` share a batch; one
  number for all rows becomes one for each.
- Requests whose inputs have no number of rows in common run alone. TensorFlow Serving refuses them; here the graph
  decides, and its refusal is told beside TensorFlow Serving's.
"""

import dataclasses
from collections.abc import Hashable, Mapping

import numpy as np
from tensorflow.core.protobuf import meta_graph_pb2

from serving import signatures, tensor_proto
from serving.server import batching_parameters

# ComputeTensorBatchSize in batching_util.h of TensorFlow Serving.
_NO_INPUTS = "Batching Run() must have at least one input tensor"
_SCALAR_INPUT = "Batching Run() input tensors must have at least one dimension"
_OTHER_ROWS = "Batching Run() input tensors must have equal 0th-dimension size"
# By kind of dtype, behind a shorter list: no text, and beside it the moment -1 or the weight 0.
_NOTHING_KNOWN = {"O": b"", "S": b"", "U": "", "i": -1}
_NO_WEIGHT = 0


@dataclasses.dataclass(frozen=True)
class RowInputs:
    """A request that may share a batch.

    Attributes:
      arrays: the inputs that it has, each with `num_rows` rows.
      num_rows: how many, >= 1.
      kind: equal in all requests that may share a batch.
    """

    arrays: Mapping[str, np.ndarray]
    num_rows: int
    kind: Hashable


@dataclasses.dataclass(frozen=True)
class RunsAlone:
    """A request that cannot share a batch.

    Attributes:
      refusal: what TensorFlow Serving answers it with, "" if the graph's own words are enough.
    """

    refusal: str = ""


class BatchableSignature:
    """What of a signature decides how its requests are batched.

    Args:
      signature: as the model declares it.
      parameters: whether other lengths may share a batch, and whether requests may be split.
    """

    def __init__(self, signature: meta_graph_pb2.SignatureDef, parameters: batching_parameters.BatchingParameters):
        defaults = {name: tensor_proto.to_array(proto, name) for name, proto in signature.defaults.items()}
        self._parameters = parameters
        self._may_be_missing = {name: each.ndim for name, each in defaults.items() if each.shape[:1] == (0,)}
        self._filled_in = {name: each for name, each in defaults.items() if name not in self._may_be_missing}
        self._scalars = {
            name
            for name, info in signature.inputs.items()
            if not info.tensor_shape.dim and not info.tensor_shape.unknown_rank
        }
        self._has_k = signatures.K in self._may_be_missing and defaults[signatures.K].dtype.kind == "i"

    def arrange(self, inputs: Mapping[str, np.ndarray]) -> RowInputs | RunsAlone:
        """Returns how a request may be run.

        Args:
          inputs: those given, with names and dtypes of the signature.
        """
        arrays = {name: array for name, array in inputs.items() if not self._is_missing(name, array)}
        arrays |= {name: array for name, array in self._filled_in.items() if name not in inputs}
        k = arrays.pop(signatures.K, None) if self._has_k else None
        alone = self._alone(arrays)
        if alone is not None:
            return alone
        num_rows = len(next(iter(arrays.values())))
        if k is None:
            return RowInputs(arrays, num_rows, self._kind(arrays))
        if k.ndim > 1 or k.size not in (1, num_rows):
            return RunsAlone()
        # The parts of a split request are as wide as their own largest k, and would not fit together.
        if self._parameters.enable_large_batch_splitting and k.min() != k.max():
            return RunsAlone()
        by_row = np.repeat(k.reshape(-1), num_rows // k.size)
        return RowInputs({**arrays, signatures.K: by_row}, num_rows, (self._kind(arrays), int(k.max())))

    def filling(self, name: str, array: np.ndarray) -> bytes | str | int | float:
        """Returns what a shorter list of an input is filled up with.

        Where a request may leave the input out, that is a value of which nothing is known. Elsewhere it is the first
        element, as in TensorFlow Serving: the one value of which it is certain that the graph can take it.

        Args:
          name: an input.
          array: what a request gives for it, with at least one element.
        """
        if name in self._may_be_missing:
            return _NOTHING_KNOWN.get(array.dtype.kind, _NO_WEIGHT)
        return array.flat[0]

    def _is_missing(self, name: str, array: np.ndarray) -> bool:
        return array.shape[:1] == (0,) and array.ndim == self._may_be_missing.get(name)

    def _alone(self, arrays: Mapping[str, np.ndarray]) -> RunsAlone | None:
        if not arrays:
            return RunsAlone("" if self._may_be_missing else _NO_INPUTS)
        scalars = {name for name, array in arrays.items() if not array.ndim}
        if scalars:
            # The graph knows best what it wants of an input that it declares as a scalar.
            return RunsAlone("" if scalars <= self._scalars else _SCALAR_INPUT)
        lengths = {len(array) for array in arrays.values()}
        if len(lengths) > 1:
            return RunsAlone("" if self._may_be_missing else _OTHER_ROWS)
        return RunsAlone() if lengths == {0} else None

    def _kind(self, arrays: Mapping[str, np.ndarray]) -> Hashable:
        return tuple((name, arrays[name].dtype, self._alike(name, arrays[name])) for name in sorted(arrays))

    def _alike(self, name: str, array: np.ndarray) -> Hashable:
        """Returns what of a shape, but for the rows, has to be the same in all requests of a batch."""
        # As many candidates as are given are scored.
        decides_width = name == signatures.CANDIDATE_IDS and name in self._may_be_missing
        if self._parameters.pad_variable_length_inputs and not decides_width:
            # An empty list has no first element to be filled up with.
            return array.ndim, array.size == 0
        return array.shape[1:]
