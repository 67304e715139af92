"""Which model, and which of its versions, a call asks."""

import dataclasses
import numbers

from serving import errors

_MAX_VERSION = (1 << 63) - 1


@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """One model, in its newest available version unless another is named.

    Attributes:
      name: name of the model.
      version: number of the version.
      version_label: what the server's configuration calls the version, such as `stable`.

    Raises:
      InvalidArgumentError: if both a version and a label are given, or one of the three cannot be sent.
    """

    name: str
    version: int | None = None
    version_label: str | None = None

    def __post_init__(self):
        _require_text("model_name", self.name)
        if self.version is not None and self.version_label is not None:
            raise errors.InvalidArgumentError(
                f"A call names a version or a version_label, but got version {self.version} and version_label "
                f"{self.version_label!r}; leave one of them out."
            )
        if self.version_label is not None:
            _require_text("version_label", self.version_label)
        if self.version is not None:
            _require_version(self.version)


def _require_text(name: str, value: str) -> None:
    # To the protocol an empty text is one that was not given; half of a surrogate pair cannot be sent at all.
    if not isinstance(value, str) or not value or any("\ud800" <= character <= "\udfff" for character in value):
        raise errors.InvalidArgumentError(f"{name} must be a text that is not empty, but is {value!r}.")


def _require_version(version: int) -> None:
    is_integer = isinstance(version, numbers.Integral) and not isinstance(version, bool)
    if not is_integer or not 0 <= version <= _MAX_VERSION:
        raise errors.InvalidArgumentError(f"version must be an integer between 0 and 2^63 - 1, but is {version!r}.")
