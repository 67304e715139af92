"""What the contract is asked of: the ports of a model server, and where it finds its models."""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A server under test.

    Attributes:
      grpc_target: host and port of its gRPC API.
      rest_target: host and port of its REST API.
      models_dir: where the server finds the exported models; `None` if that is not known.
      is_ours: whether it is the server of this repository, which may deviate as `deviations` says.
    """

    grpc_target: str
    rest_target: str
    models_dir: pathlib.PurePosixPath | None
    is_ours: bool
