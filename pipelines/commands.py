"""The console scripts: each starts one module as `python -m` would, help and errors included."""

import importlib
import sys

from absl import flags


def prepare_data() -> None:
    """Entry point of `tfrs-prepare-data`."""
    _start("pipelines.prepare_data")


def train() -> None:
    """Entry point of `tfrs-train`."""
    _start("pipelines.train")


def evaluate() -> None:
    """Entry point of `tfrs-evaluate`."""
    _start("pipelines.evaluate")


def compare() -> None:
    """Entry point of `tfrs-compare`."""
    _start("pipelines.compare")


def export() -> None:
    """Entry point of `tfrs-export`."""
    _start("pipelines.export")


def export_embeddings() -> None:
    """Entry point of `tfrs-export-embeddings`."""
    _start("pipelines.export_embeddings")


def daily_run() -> None:
    """Entry point of `tfrs-daily-run`."""
    _start("pipelines.daily_run")


def rollback() -> None:
    """Entry point of `tfrs-rollback`."""
    _start("pipelines.rollback")


def refresh_index() -> None:
    """Entry point of `tfrs-refresh-index`."""
    _start("pipelines.refresh_index")


def recommend() -> None:
    """Entry point of `tfrs-recommend`."""
    _start("pipelines.recommend")


def quickstart() -> None:
    """Entry point of `tfrs-quickstart`."""
    _start("pipelines.quickstart")


def tune() -> None:
    """Entry point of `tfrs-tune`."""
    _start("pipelines.tune")


def simulate_frequency() -> None:
    """Entry point of `tfrs-simulate-frequency`."""
    _start("pipelines.simulate_frequency")


def analyze_similarity() -> None:
    """Entry point of `tfrs-analyze-similarity`."""
    _start("pipelines.analyze_similarity")


def study_folding() -> None:
    """Entry point of `tfrs-study-folding`."""
    _start("pipelines.study_folding")


def measure_folding() -> None:
    """Entry point of `tfrs-measure-folding`."""
    _start("pipelines.measure_folding")


def write_report() -> None:
    """Entry point of `tfrs-write-report`."""
    _start("pipelines.write_report")


def doctor() -> None:
    """Entry point of `tfrs-doctor`."""
    _start("pipelines.doctor", needs_keras_2=False)


def model_server() -> None:
    """Entry point of `tfrs_model_server`."""
    _start("serving.server.main")


def _start(module_name: str, needs_keras_2: bool = True) -> None:
    if needs_keras_2:
        _require_keras_2()
    module = importlib.import_module(module_name)
    _show_in_help(module)
    module.console_main()


def _require_keras_2() -> None:
    """Ends with one line where Keras 3 is asked for; only the doctor goes on, and explains it."""
    try:
        importlib.import_module("tfrs_model")
    except ImportError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        sys.exit(1)


def _show_in_help(module) -> None:
    """Makes `--help` print the module's docstring and flags.

    absl looks for both in the main module, which for a console script is the few lines that pip wrote.
    """
    sys.modules["__main__"].__doc__ = module.__doc__
    for flag in flags.FLAGS.get_key_flags_for_module(module.__name__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
