"""What is kept of each request: its count, its time, and a line in the log where that is asked for."""

import contextlib
import time
from collections.abc import Iterator

from absl import logging

from serving import errors
from serving.server import log_lines, metrics, request_ids, worker_threads


class RequestRecord:
    """What one request turned out to be.

    Attributes:
      version: that answered; `None` where none was found.
    """

    def __init__(self) -> None:
        self.version: int | None = None


class RequestRecords:
    """Counts requests and logs them. Calls may come at once from many threads.

    Args:
      counted_by: what Prometheus reads.
      logged: one of `log_lines.LOGGED`: which requests have a line of their own.
    """

    def __init__(self, counted_by: metrics.Metrics, logged: str = "none"):
        self._metrics = counted_by
        self._logged = logged

    @contextlib.contextmanager
    def recording(self, model_name: str, api: str, entrypoint: str) -> Iterator[RequestRecord]:
        """Records what the block does as a request; its error, if there is one, says how it ended.

        Args:
          model_name: of the request, empty where no such model is served.
          api: see `Metrics.add_request`.
          entrypoint: `GRPC` or `REST`.
        """
        code, started, record = errors.StatusCode.INTERNAL, time.perf_counter(), RequestRecord()
        try:
            yield record
            code = errors.StatusCode.OK
        except errors.ServingError as error:
            code = error.code
            raise
        except worker_threads.ThreadNeededError:
            # It is answered yet.
            code = None
            raise
        finally:
            if code is not None:
                seconds = time.perf_counter() - started
                self._metrics.add_request(model_name, api, entrypoint, code, seconds)
                if self._is_logged(code):
                    _log(model_name, record.version, api, entrypoint, code, seconds)

    def add_refused(self, entrypoint: str, code: errors.StatusCode) -> None:
        """Records a request that was answered before anybody read which model it is for."""
        self._metrics.add_request("", "", entrypoint, code, 0.0)
        if self._is_logged(code):
            _log("", None, "", entrypoint, code, 0.0)

    def _is_logged(self, code: errors.StatusCode) -> bool:
        return self._logged == "all" or (self._logged == "failed" and code is not errors.StatusCode.OK)


def _log(
    model_name: str, version: int | None, api: str, entrypoint: str, code: errors.StatusCode, seconds: float
) -> None:
    milliseconds = round(1e3 * seconds, 3)
    fields = {"entrypoint": entrypoint, "api": api, "model": model_name, "version": version, "status": code.name}
    text = f"{entrypoint} {api or '?'} {model_name or '?'}/{version or '?'} {code.name} {milliseconds:g} ms"
    # Those who only read failures have none among the requests that were answered.
    level = logging.INFO if code is errors.StatusCode.OK else logging.WARNING
    request_id = {"request_id": str(request_ids.current())}
    log_lines.write(level, text, fields | {"milliseconds": milliseconds} | request_id)
