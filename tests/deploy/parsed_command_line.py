"""What the server's own flags make of a command line; in a process of its own, since a process has one set of flags."""

import json
import subprocess
import sys
from collections.abc import Sequence

from tests.deploy import deploy_files

_PROGRAM = """
import dataclasses, json, sys
from absl import flags
from serving.server import server_flags, start_checks, model_config
assert flags.FLAGS(sys.argv) == sys.argv[:1], "a word is no flag"
config = server_flags.config_from_flags()
models = {each.name: str(each.base_path) for each in start_checks.models(config)}
found = {"models": models, "metrics_path": start_checks.metrics_path(config), "options": dataclasses.asdict(config)}
print(json.dumps(found, default=str))
"""


def parsed(arguments: Sequence[str]) -> dict:
    """Returns `options` by flag name, `models` with their base paths and the `metrics_path`.

    Files that the image or the cluster has in /etc/tfrs are read from where the tree has them.
    """
    here = [argument.replace("=/etc/tfrs/", f"={deploy_files.DEPLOY}/config/") for argument in arguments]
    result = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *here], capture_output=True, text=True, timeout=60, cwd=deploy_files.ROOT
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)
