"""How often each test split has been looked at, one line of JSON a look, kept with the code."""

import json
import pathlib
import subprocess

_LEDGER = pathlib.Path(__file__).parent / "test_split_ledger.jsonl"


def note(dataset: str, variant: str, seed: int, *code: str) -> None:
    """Counts a look at a test split; called before it is taken, so that none is lost to a crash.

    Args:
      dataset: whose test split.
      variant: what was asked.
      seed: of its training.
      code: files and folders whose last commit is noted.
    """
    line = {"dataset": dataset, "variant": variant, "seed": seed, "commit": last_commit(*code)}
    with _LEDGER.open("a", encoding="utf-8") as ledger:
        ledger.write(json.dumps(line) + "\n")


def num_looks(dataset: str) -> int:
    """Returns how often the data set's test split has been looked at."""
    lines = _LEDGER.read_text(encoding="utf-8").splitlines() if _LEDGER.exists() else []
    return sum(json.loads(line)["dataset"] == dataset for line in lines)


def last_commit(*paths: str) -> str:
    """Returns the commit that last changed any of the paths, marked where one has changed since."""
    root = pathlib.Path(__file__).parent.parent

    def git(*arguments: str) -> str:
        command = ["git", *arguments, "--", *paths]
        return subprocess.run(command, cwd=root, capture_output=True, text=True).stdout.strip()

    return (git("log", "-1", "--format=%H") or "uncommitted") + ("+changes" if git("status", "--porcelain") else "")
