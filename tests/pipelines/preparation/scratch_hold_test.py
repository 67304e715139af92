import subprocess
import sys
import time

import pytest

from pipelines.preparation import scratch_hold
from pipelines.preparation.errors import EngineStoppedError

# Holds the directory, starts a process that inherits the descriptor, tells its number and is killed.
_KILLED_PARENT = """
import os, pathlib, signal, subprocess, sys
from pipelines.preparation import scratch_hold
with scratch_hold.hold(pathlib.Path(sys.argv[1])) as held:
    child = subprocess.Popen(["sleep", sys.argv[2]], pass_fds=[held], stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _killed_with_a_child_that_lives(folder, seconds):
    command = [sys.executable, "-c", _KILLED_PARENT, str(folder), str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -9
    return int(done.stdout)


def test_a_directory_is_free_again_when_what_a_killed_run_started_has_ended(tmp_path):
    started = time.monotonic()
    _killed_with_a_child_that_lives(tmp_path, 2)
    with scratch_hold.hold(tmp_path):
        assert time.monotonic() - started > 2


def test_what_a_killed_run_started_and_does_not_end_is_a_sentence(tmp_path):
    _killed_with_a_child_that_lives(tmp_path, 2)
    with (
        pytest.raises(EngineStoppedError, match=f"Java process of a run that was killed still holds {tmp_path}; wait"),
        scratch_hold.hold(tmp_path, patience_seconds=0.2),
    ):
        pass


@pytest.mark.parametrize("error", [None, KeyError])
def test_a_directory_is_free_after_the_block_though_a_process_that_inherited_it_lives(tmp_path, error):
    child = None
    try:
        with scratch_hold.hold(tmp_path) as held:
            child = subprocess.Popen(["sleep", "60"], pass_fds=[held])
            if error is not None:
                raise error
    except KeyError:
        pass
    with scratch_hold.hold(tmp_path, patience_seconds=0.0):
        assert child.poll() is None
    child.kill()
    child.wait()
