"""Which models a server serves, as TensorFlow Serving's ModelServerConfig says it. Loads no TensorFlow.

    model_config_list {
      config {
        name: "shop"
        base_path: "/models/shop"
        model_platform: "tensorflow"
        model_version_policy { specific { versions: 41 versions: 42 } }
        version_labels { key: "stable" value: 41 }
        version_labels { key: "canary" value: 42 }
      }
    }

What is refused, and with which words, is that of tensorflow_serving/model_servers/server_core.cc where it refuses.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence

from google.protobuf import text_format
from tensorflow_serving.config import file_system_storage_path_source_pb2, model_server_config_pb2

from serving import errors
from serving.server import version_policy

_PLATFORM = "tensorflow"


@dataclasses.dataclass(frozen=True)
class RequestLogging:
    """Which requests of a model are logged, and where.

    Attributes:
      filename_prefix: of the files; moment, process and number follow.
      sampling_rate: share of the requests, between 0 and 1.
    """

    filename_prefix: pathlib.Path
    sampling_rate: float


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """One model.

    Attributes:
      name: under which it is served.
      base_path: folder whose integer-named folders are versions.
      policy: which of them serve.
      labels: label to version.
      request_logging: `None` logs no requests.
    """

    name: str
    base_path: pathlib.Path
    policy: version_policy.VersionPolicy = dataclasses.field(default_factory=version_policy.Latest)
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)
    request_logging: RequestLogging | None = None


def read(path: pathlib.Path) -> list[ModelConfig]:
    """Returns the models of a file with a ModelServerConfig in protobuf's text format.

    Raises:
      InvalidArgumentError: if it cannot be read, or is wrong in any part.
    """
    config = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(path.read_text("utf-8"), config)
    except OSError as error:
        raise errors.InvalidArgumentError(f"{path} cannot be read: {error.strerror}.") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise errors.InvalidArgumentError(
            f"{path} must hold a ModelServerConfig in protobuf's text format, but does not: {error}."
        ) from error
    if config.WhichOneof("config") != "model_config_list":
        raise errors.InvalidArgumentError(f"{path} must have a model_config_list, but has none.")
    return from_proto(config)


def from_proto(
    config: model_server_config_pb2.ModelServerConfig, is_served: Callable[[str], bool] = lambda name: False
) -> list[ModelConfig]:
    """Returns the models of a configuration.

    Args:
      config: the message.
      is_served: says whether a model of this name is served before, for the sentence about its platform.

    Raises:
      InvalidArgumentError: if it is wrong in any part.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise errors.InvalidArgumentError(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently "
            "supported"
        )
    models = [_model(each, is_served(each.name)) for each in config.model_config_list.config]
    names: set[str] = set()
    for model in models:
        if model.name in names:
            raise errors.InvalidArgumentError(f"Illegal to list model {model.name} multiple times in config list")
        names.add(model.name)
    return models


def require_versions(models: Sequence[ModelConfig]) -> None:
    """Refuses models of which no version is there that their policy lets serve.

    Raises:
      InvalidArgumentError: if a base path is missing.
      NotFoundError: if one holds no such version.
    """
    for model in models:
        try:
            on_disk = version_policy.list_versions(model.base_path)
        except OSError as error:
            raise errors.InvalidArgumentError(
                f"Could not find base path {model.base_path} for servable {model.name} with error {error.strerror}"
            ) from error
        if not model.policy.wanted(on_disk):
            raise errors.NotFoundError(
                f"Unable to find a numerical version path for servable {model.name} at: {model.base_path} that its "
                f"version policy lets serve; versions there are {sorted(on_disk)}."
            )


def _model(config: model_server_config_pb2.ModelConfig, is_served: bool) -> ModelConfig:
    if not config.name:
        raise errors.InvalidArgumentError("Every model needs a name, but one of the config list has none.")
    _require_platform(config, is_served)
    base_path = pathlib.PurePosixPath(config.base_path)
    if not base_path.is_absolute():
        raise errors.InvalidArgumentError(
            f"Expected model {config.name} to have an absolute path or URI; got base_path()={config.base_path}"
        )
    return ModelConfig(
        name=config.name,
        base_path=pathlib.Path(base_path),
        policy=_policy(config.name, config.model_version_policy),
        labels=dict(config.version_labels),
        request_logging=_request_logging(config) if config.HasField("logging_config") else None,
    )


def _request_logging(config: model_server_config_pb2.ModelConfig) -> RequestLogging:
    collector, sampling = config.logging_config.log_collector_config, config.logging_config.sampling_config
    given = {field.name for part in (config.logging_config, collector, sampling) for field, _ in part.ListFields()}
    if given - {"log_collector_config", "filename_prefix", "sampling_config", "sampling_rate"}:
        raise errors.InvalidArgumentError(
            f"The logging_config of model {config.name} may have log_collector_config.filename_prefix and "
            "sampling_config.sampling_rate; this server has no other collectors. Leave the rest out."
        )
    prefix = pathlib.Path(collector.filename_prefix)
    if not prefix.is_absolute() or prefix.is_dir():
        raise errors.InvalidArgumentError(
            f"The logging_config of model {config.name} must have a filename_prefix such as "
            f"/logs/{config.name}/requests, but has {collector.filename_prefix!r}."
        )
    return RequestLogging(prefix, checked_rate(sampling.sampling_rate, f"The sampling_rate of model {config.name}"))


def checked_rate(rate: float, name: str) -> float:
    """Returns a share of requests.

    Args:
      rate: the share.
      name: of the setting, for the error.

    Raises:
      InvalidArgumentError: if it is none.
    """
    if not 0.0 <= rate <= 1.0:
        raise errors.InvalidArgumentError(f"{name} must be between 0 and 1, but is {rate:g}.")
    return rate


def _require_platform(config: model_server_config_pb2.ModelConfig, is_served: bool) -> None:
    if config.model_type:
        if config.model_platform:
            raise errors.InvalidArgumentError(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform."
            )
        if config.model_type != model_server_config_pb2.TENSORFLOW:
            raise errors.InvalidArgumentError(
                f"ModelServerConfig::model_type choice {config.model_type} not supported."
            )
    elif not config.model_platform:
        raise errors.InvalidArgumentError(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform."
        )
    elif config.model_platform != _PLATFORM:
        if is_served:
            raise errors.InvalidArgumentError(
                f"Illegal to change a model's platform. For model {config.name} platform was {_PLATFORM} and new "
                f"platform requested is {config.model_platform}"
            )
        raise errors.InvalidArgumentError(f"Model {config.name} requests unsupported platform {config.model_platform}")


def _policy(
    name: str, policy: file_system_storage_path_source_pb2.FileSystemStoragePathSourceConfig.ServableVersionPolicy
) -> version_policy.VersionPolicy:
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return version_policy.All()
    if choice == "specific":
        if not policy.specific.versions:
            raise errors.InvalidArgumentError(
                f"The policy `specific` of model {name} must name at least one version, but names none."
            )
        return version_policy.Specific(frozenset(policy.specific.versions))
    # Zero counts as one, as in file_system_storage_path_source.cc.
    return version_policy.Latest(max(1, policy.latest.num_versions))
