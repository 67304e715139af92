"""What a model version is doing, as clients are told."""

import dataclasses
import enum
from collections.abc import Collection

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


class VersionStatuses:
    """The status of every version ever seen; whoever owns it has to guard it."""

    def __init__(self) -> None:
        self._statuses: dict[int, VersionStatus] = {}

    def set(self, version: int, state: VersionState, error: errors.ServingError | None = None) -> None:
        """Says what a version is doing."""
        self._statuses[version] = VersionStatus(version, state, error)

    def state_of(self, version: int) -> VersionState:
        """Returns what a version is doing."""
        return self._statuses[version].state

    def end_absent(self, on_disk: Collection[int]) -> None:
        """Ends versions that were being loaded and whose folders are gone; why they failed is kept."""
        for version, status in self._statuses.items():
            if status.state is VersionState.LOADING and version not in on_disk:
                self._statuses[version] = dataclasses.replace(status, state=VersionState.END)

    def newest_first(self) -> list[VersionStatus]:
        """Returns all of them."""
        return sorted(self._statuses.values(), key=lambda status: status.version, reverse=True)
