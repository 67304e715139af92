"""Timing several functions in turns."""

import statistics
import time
from collections.abc import Callable, Mapping

import tensorflow as tf


def median_seconds(functions: Mapping[str, Callable], num_repeats: int) -> dict[str, float]:
    """Returns the median seconds of a call of each; in turns, so that a busy machine slows all of them alike.

    Each is called once before, to be traced. A call has ended when all it returns has been read.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(num_repeats):
        for name, function in functions.items():
            started = time.perf_counter()
            tf.nest.map_structure(lambda each: each.numpy(), function())
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(each) for name, each in seconds.items()}
