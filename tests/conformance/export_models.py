"""Writes the models that the contract suite asks for, and the files that a server is started with.

    python -m tests.conformance.export_models --output_dir=DIR [--served_from=/models]

The folder then holds a folder for each model, `models.config` (a ModelServerConfig) and `monitoring.config`. The
base paths in models.config begin with --served_from, for a server that sees the folder under another name.
"""

import argparse
import pathlib
import shutil
from collections.abc import Sequence

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tests import archives
from tests.conformance import models

MODELS_CONFIG = "models.config"
MONITORING_CONFIG = "monitoring.config"
METRICS_PATH = "/monitoring/prometheus/metrics"
# A MonitoringConfig; tensorflow-serving-api has no class for it.
_MONITORING = f'prometheus_config {{\n  enable: true\n  path: "{METRICS_PATH}"\n}}\n'

# Model to its versions on disk and what each adds to half of x.
_HALF_PLUS = {
    "half_plus_two": {123: 2.0},
    "half_plus_three": {123: 3.0},
    "labelled": {123: 2.0, 124: 3.0, 125: 4.0},
    "newest": {1: 1.0, 2: 2.0},
    "newest_two": {1: 1.0, 2: 2.0, 3: 3.0},
    "every_version": {1: 1.0, 2: 2.0, 3: 3.0},
    # What reloads roll back and move; the last two are not served at first.
    "moving": {1: 1.0, 2: 2.0},
    "moved": {5: 5.0},
    "added": {7: 7.0},
}
# An export of this project's job as it was published, of stock operations only; beside it its answers to some requests.
RECOMMENDER = pathlib.Path(__file__).parents[1] / "pipelines" / "published_exports" / "format2_brute_force.tar.xz"
LABELS = {"stable": 123, "canary": 124}
SERVED = (
    *("half_plus_two", "half_plus_three", "counter", "types", "examples", "recommender"),
    *("labelled", "newest", "newest_two", "every_version", "moving"),
)


def export(output_dir: pathlib.Path, served_from: pathlib.PurePosixPath | None = None) -> None:
    """Writes all models and both files into an empty or new directory.

    Args:
      output_dir: where to.
      served_from: under which name the server sees `output_dir`; the same one by default.
    """
    _export_half_plus(output_dir)
    models.export_counter(_version_dir(output_dir, "counter", 123))
    models.export_types(_version_dir(output_dir, "types", 1))
    models.export_examples(_version_dir(output_dir, "examples", 1))
    archives.unpack(RECOMMENDER, output_dir / "recommender")
    config = models_config(served_from or pathlib.PurePosixPath(output_dir.resolve()))
    (output_dir / MODELS_CONFIG).write_text(text_format.MessageToString(config), encoding="utf-8")
    (output_dir / MONITORING_CONFIG).write_text(_MONITORING, encoding="utf-8")


def models_config(models_dir: pathlib.PurePosixPath) -> model_server_config_pb2.ModelServerConfig:
    """Returns the configuration that the suite starts from, for models under `models_dir`."""
    config = model_server_config_pb2.ModelServerConfig()
    by_name = {name: add_model(config, name, models_dir / name) for name in SERVED}
    by_name["labelled"].model_version_policy.specific.versions.extend(LABELS.values())
    by_name["labelled"].version_labels.update(LABELS)
    by_name["newest_two"].model_version_policy.latest.num_versions = 2
    by_name["every_version"].model_version_policy.all.SetInParent()
    return config


def add_model(
    config: model_server_config_pb2.ModelServerConfig, name: str, base_path: pathlib.PurePosixPath | str
) -> model_server_config_pb2.ModelConfig:
    """Adds a model of TensorFlow's to a configuration and returns its part."""
    return config.model_config_list.config.add(name=name, base_path=str(base_path), model_platform="tensorflow")


def _version_dir(output_dir: pathlib.Path, name: str, version: int) -> pathlib.Path:
    """Returns the folder of a version, whose parents are made, named as upstream names those of its test models."""
    version_dir = output_dir / name / f"{version:08d}"
    version_dir.parent.mkdir(parents=True, exist_ok=True)
    return version_dir


def _export_half_plus(output_dir: pathlib.Path) -> None:
    """Writes each version of the half_plus models; those that add the same number are copies."""
    made: dict[float, pathlib.Path] = {}
    for name, versions in _HALF_PLUS.items():
        for version, addend in versions.items():
            version_dir = _version_dir(output_dir, name, version)
            if addend in made:
                shutil.copytree(made[addend], version_dir)
            else:
                models.export_half_plus(version_dir, addend)
                made[addend] = version_dir


def main(argv: Sequence[str] | None = None) -> None:
    """Reads the command line and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", type=pathlib.Path, required=True, help="folder to write; must not exist yet")
    parser.add_argument(
        "--served_from", type=pathlib.PurePosixPath, help="the folder as the server sees it; default: the same"
    )
    options = parser.parse_args(argv)
    options.output_dir.mkdir(parents=True)
    export(options.output_dir, options.served_from)
    print(f"Wrote {len(SERVED)} models and {MODELS_CONFIG} into {options.output_dir}")


if __name__ == "__main__":
    main()
