"""A warning about a state that lasts: logged when it changes, and again only after a while."""

import time

from absl import logging

_SECONDS_BETWEEN_LINES = 10.0


class RepeatedWarning:
    """Logs a warning unless the same was logged a moment ago."""

    def __init__(self) -> None:
        self._last = ""
        self._next_at = 0.0

    def say(self, text: str) -> None:
        """Logs a text."""
        now = time.monotonic()
        if text != self._last or now >= self._next_at:
            self._last, self._next_at = text, now + _SECONDS_BETWEEN_LINES
            logging.warning("%s", text)
