"""What a client can ask of a server, said without any protocol."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from serving.client import example_features, model_info, model_spec


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


@dataclasses.dataclass(frozen=True, eq=False)
class ClassifyRequest:
    """Asks for the classes of examples.

    Attributes:
      model: which model.
      signature_name: which of its signatures.
      examples: the features of each.
      context: features that all of them share, `None` for none.
    """

    model: model_spec.ModelSpec
    signature_name: str
    examples: Sequence[example_features.Features]
    context: example_features.Features | None


@dataclasses.dataclass(frozen=True, eq=False)
class RegressRequest:
    """Asks for one number for each example; the attributes are those of `ClassifyRequest`."""

    model: model_spec.ModelSpec
    signature_name: str
    examples: Sequence[example_features.Features]
    context: example_features.Features | None


ModelRequest = StatusRequest | MetadataRequest | PredictRequest | ClassifyRequest | RegressRequest
