"""Compares two baselines and dies by SIGKILL in the middle of writes, one after another in one directory, then ends.

python -m tests.pipelines.killed_comparison PREPARED_DIR COMPARISON_DIR PARAMETERS_FILE [FILE_NAME:TIMES ...]

Each run is a fork of a process that has imported everything and started nothing. It dies when half of a file of that
name is written for the TIMES-th time.
"""

import sys

from pipelines import compare
from tests.pipelines import deaths


def main() -> None:
    prepared_dir, comparison_dir, parameters, *files = sys.argv[1:]
    config = compare.CompareConfig(prepared_dir, comparison_dir, ("popularity", parameters), metrics=("recall_at_1",))
    places = [f"half of {each}" for each in files]
    sys.exit(deaths.run_through(places, deaths.Death.watch_files, lambda: compare.run(config)))


if __name__ == "__main__":
    main()
