"""From a version's folder to something that answers requests: loaded, then warmed up."""

import contextlib
import os
import pathlib
from collections.abc import Callable

from serving.server import batcher, model_options, servable, warm_up

Load = Callable[[model_options.ModelOptions, int, pathlib.Path], servable.Servable | batcher.Batcher]


def load_version(
    options: model_options.ModelOptions, version: int, model_dir: pathlib.Path
) -> servable.Servable | batcher.Batcher:
    """Loads one version and warms it up.

    Raises:
      ServingError: if either fails; nothing stays loaded then.
    """
    model = servable.Servable.load(options.model_name, version, model_dir, options.tags, options.session_config)
    try:
        for _ in range(options.num_warm_ups):
            warm_up.warm_up(model, model_dir, is_method_name_checked=options.is_method_name_checked)
    except BaseException:
        model.close()
        raise
    if options.is_cache_flushed:
        _forget_files(model_dir)
    return options.batched(model) if options.batched else model


def _forget_files(model_dir: pathlib.Path) -> None:
    """Lets the page cache forget a version's files: what was read is in memory once more, in the model."""
    for path in model_dir.rglob("*"):
        # A version that is being removed has less to forget.
        with contextlib.suppress(OSError):
            if path.is_file():
                _forget(path)


def _forget(path: pathlib.Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)
