"""What a model version is doing, as clients are told."""

import dataclasses
import enum

from serving import errors


class VersionState(enum.Enum):
    """What a version is doing; the names are those of the protocol."""

    LOADING = enum.auto()
    AVAILABLE = enum.auto()
    UNLOADING = enum.auto()
    END = enum.auto()


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """State of one version, as reported to clients.

    Attributes:
      version: its number.
      state: what it is doing.
      error: why the last attempt to load it failed; `None` if none did.
    """

    version: int
    state: VersionState
    error: errors.ServingError | None = None
