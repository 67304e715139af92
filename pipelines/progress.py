"""One progress bar for every stage that may take over ten seconds."""

import sys

import tqdm


def progress_bar(total: int, description: str, unit: str, initial: int = 0) -> tqdm.tqdm:
    """Returns a bar on stderr; where stderr is a log file it prints a line every ten seconds at most.

    Args:
      total: units of work in all.
      description: what is being done.
      unit: what is counted, such as `step`.
      initial: units done before, by a run that is resumed.
    """
    is_terminal = sys.stderr.isatty()
    return tqdm.tqdm(
        total=total,
        desc=description,
        unit=f" {unit}",
        initial=initial,
        mininterval=0.1 if is_terminal else 10.0,
        dynamic_ncols=is_terminal,
        file=sys.stderr,
    )
