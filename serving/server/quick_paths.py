"""Which REST paths are answered so quickly that handing the request to a thread would take longer."""

_QUICK_SECONDS = 0.00025
_LONGEST_SECONDS = 0.002
_NUM_ANSWERS_UNTIL_TRUSTED = 100
_SHARE_OF_NEWEST = 0.05
_MOST_PATHS = 1000
_MOST_BANNED = 8


class _Pace:
    def __init__(self) -> None:
        self.num_trusted = 0
        self.seconds = _QUICK_SECONDS


class QuickPaths:
    """Learns from each answer. Calls may come at once from many threads.

    Handing a request to a thread and its answer back costs .16 milliseconds, more than a small model takes: answered
    by the event loop itself, half again as many requests are. But meanwhile the loop does nothing else, and cannot give
    up at a deadline. So a path is quick once its answers take a quarter of a millisecond in the mean and a hundred in a
    row neither took long nor waited, until one does; and never again once one held up the loop.
    """

    def __init__(self) -> None:
        self._paces: dict[str, _Pace] = {}
        self._banned: set[str] = set()
        self._is_closed = False

    def __contains__(self, path: str) -> bool:
        pace = self._paces.get(path)
        if pace is None or pace.num_trusted < _NUM_ANSWERS_UNTIL_TRUSTED or pace.seconds > _QUICK_SECONDS:
            return False
        return not self._is_closed and path not in self._banned

    @staticmethod
    def is_quick(seconds: float) -> bool:
        """Returns whether an answer that takes so long is quick."""
        return seconds <= _QUICK_SECONDS

    def ban(self, path: str) -> None:
        """Has a path never be quick again, and none if many were not what they seemed."""
        self._banned.add(path)
        self._is_closed = len(self._banned) >= _MOST_BANNED

    def note(self, path: str, seconds: float, has_waited: bool) -> None:
        """Learns how long an answer took.

        Args:
          path: of the request.
          seconds: that the answering thread was busy.
          has_waited: whether it also waited for long, or may have.
        """
        pace = self._paces.get(path)
        if pace is None:
            if len(self._paces) >= _MOST_PATHS:
                # Of those in use, the one that came first is soon known again.
                self._paces.pop(next(iter(self._paces)), None)
            pace = self._paces[path] = _Pace()
        pace.seconds += _SHARE_OF_NEWEST * (min(seconds, _LONGEST_SECONDS) - pace.seconds)
        if has_waited or seconds > _LONGEST_SECONDS:
            pace.num_trusted = 0
        else:
            pace.num_trusted += 1
