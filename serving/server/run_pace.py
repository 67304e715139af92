"""Which threads a signature runs in, by how long it takes."""

import collections
import math

from tensorflow.core.protobuf import config_pb2

# Longer than nearly every answer of a recommender, far shorter than deadlines. On a busy machine a thread waits longer
# for Python than for TensorFlow, which the clock counts and the thread's own time does not.
_LONGEST_OWN_SECONDS = 0.01
_LONGEST_SECONDS = 0.1
# Several times what it takes to hand a turn to another thread.
_SHORT_SECONDS = 0.0003
_NUM_RECENT = 8
_NUM_RUNS_UNTIL_TRIED_AGAIN = 100
_LEAST_MILLISECONDS = 1


class RunPace:
    """Chooses the threads of each run of a signature. Calls may come at once from many threads.

    A run in the caller's thread costs a fifth of one that is handed to TensorFlow's threads (6 against 30 microseconds
    for x * 0.5 + 2, and a twentieth where all CPUs are busy), but TensorFlow cannot end it at a deadline. A signature
    runs there as long as its runs are quick; once one takes long, the next hundred run in TensorFlow's threads. So does
    the first, of which nothing is known, and the second, since the first also pays for what is done once.
    """

    def __init__(self) -> None:
        self._num_runs = 0
        self._num_in_pool = 2
        self._recent = collections.deque([math.inf], _NUM_RECENT)

    @property
    def is_quick(self) -> bool:
        """Whether the next run is to be in the caller's thread."""
        return self._num_in_pool <= 0

    @property
    def is_short(self) -> bool:
        """Whether the next run, as far as the last ones tell, is over before another thread could do anything.

        The least counts: by the clock, a run also waits for Python.
        """
        return self.is_quick and min(self._recent) <= _SHORT_SECONDS

    @staticmethod
    def is_quick_run(seconds: float) -> bool:
        """Returns whether a run that took so long by the clock was quick, however long its thread was busy."""
        return seconds <= _LONGEST_OWN_SECONDS

    def pool_options(self, now: float, deadline: float | None) -> bytes:
        """Returns serialized RunOptions for a run in TensorFlow's threads.

        Args:
          now: on the monotonic clock.
          deadline: on the same clock, and after now; `None` for none.
        """
        if deadline is None:
            return b""
        milliseconds = max(_LEAST_MILLISECONDS, round(1000 * (deadline - now)))
        return config_pb2.RunOptions(timeout_in_ms=milliseconds).SerializeToString()

    def note(self, seconds: float, own_seconds: float) -> None:
        """Learns how long a run took.

        Args:
          seconds: by the clock.
          own_seconds: that the caller's thread was busy.
        """
        self._num_runs += 1
        self._recent.append(seconds)
        if (seconds > _LONGEST_SECONDS or own_seconds > _LONGEST_OWN_SECONDS) and self._num_runs > 1:
            self._num_in_pool = _NUM_RUNS_UNTIL_TRIED_AGAIN
        else:
            self._num_in_pool = max(0, self._num_in_pool - 1)
