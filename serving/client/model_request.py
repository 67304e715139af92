"""What a client can ask of a server, said without any protocol."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from serving.client import model_info, model_spec


@dataclasses.dataclass(frozen=True)
class StatusRequest:
    """Asks for the state of one version, or of all."""

    model: model_spec.ModelSpec


@dataclasses.dataclass(frozen=True)
class MetadataRequest:
    """Asks for the signatures of a version."""

    model: model_spec.ModelSpec


@dataclasses.dataclass(frozen=True, eq=False)
class PredictRequest:
    """Runs one signature.

    Attributes:
      model: which model.
      signature_name: which of its signatures.
      arrays: input name to array.
      signature: what the signature declares; a REST answer says nothing of its types.
    """

    model: model_spec.ModelSpec
    signature_name: str
    arrays: Mapping[str, np.ndarray]
    signature: model_info.Signature


ModelRequest = StatusRequest | MetadataRequest | PredictRequest
