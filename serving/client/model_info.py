"""What a server says about a model: versions with their states, signatures with their tensors."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from serving import errors

_NUMPY_DTYPES = {
    "DT_FLOAT": np.float32,
    "DT_DOUBLE": np.float64,
    "DT_HALF": np.float16,
    "DT_INT8": np.int8,
    "DT_UINT8": np.uint8,
    "DT_INT16": np.int16,
    "DT_UINT16": np.uint16,
    "DT_INT32": np.int32,
    "DT_UINT32": np.uint32,
    "DT_INT64": np.int64,
    "DT_UINT64": np.uint64,
    "DT_BOOL": np.bool_,
    "DT_STRING": np.object_,
}


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """One input or output of a signature.

    Attributes:
      data_type: TensorFlow's name of the dtype, such as `DT_FLOAT`.
      shape: sizes, `None` for any size; `None` altogether for any rank.
    """

    data_type: str
    shape: tuple[int | None, ...] | None

    @property
    def dtype(self) -> np.dtype | None:
        """NumPy's dtype, `object` for strings, `None` for what NumPy does not have."""
        numpy_type = _NUMPY_DTYPES.get(self.data_type)
        return None if numpy_type is None else np.dtype(numpy_type)


@dataclasses.dataclass(frozen=True)
class Signature:
    """One function of a model: what it takes and what it answers, by name."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]


@dataclasses.dataclass(frozen=True)
class ModelMetadata:
    """The signatures of one model version.

    Attributes:
      model_name: name of the model.
      version: the version that answered.
      signatures: by name, `serving_default` the one that is used when none is named.
    """

    model_name: str
    version: int
    signatures: Mapping[str, Signature]


@dataclasses.dataclass(frozen=True)
class ModelVersionStatus:
    """State of one model version.

    Attributes:
      version: its number.
      state: `START`, `LOADING`, `AVAILABLE`, `UNLOADING` or `END`.
      error_code: why it could not be loaded, `OK` if nothing failed.
      error_message: the sentence to it, else empty.
    """

    version: int
    state: str
    error_code: errors.StatusCode
    error_message: str
