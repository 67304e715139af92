"""What is kept of each request: its count, its time, and a line in the log where that is asked for."""

import time
from types import TracebackType

from absl import logging

from serving import errors
from serving.server import log_lines, metrics, request_ids, worker_threads


class RequestRecords:
    """Counts requests and logs them. Calls may come at once from many threads.

    Args:
      counted_by: what Prometheus reads.
      logged: one of `log_lines.LOGGED`: which requests have a line of their own.
    """

    def __init__(self, counted_by: metrics.Metrics, logged: str = "none"):
        self._metrics = counted_by
        self._logged = logged

    def recording(self, model_name: str, api: str, entrypoint: str) -> "RequestRecord":
        """Returns a context manager that records what its block does as a request.

        Args:
          model_name: of the request, empty where no such model is served.
          api: see `Metrics.add_request`.
          entrypoint: `GRPC` or `REST`.
        """
        return RequestRecord(self, model_name, api, entrypoint)

    def add(self, record: "RequestRecord", code: errors.StatusCode, seconds: float) -> None:
        """Records a request that has ended.

        Args:
          record: what it turned out to be.
          code: how it ended.
          seconds: how long it took.
        """
        self._metrics.add_request(record.model_name, record.api, record.entrypoint, code, seconds)
        if self._is_logged(code):
            _log(record.model_name, record.version, record.api, record.entrypoint, code, seconds)

    def add_refused(self, entrypoint: str, code: errors.StatusCode) -> None:
        """Records a request that was answered before anybody read which model it is for."""
        self._metrics.add_request("", "", entrypoint, code, 0.0)
        if self._is_logged(code):
            _log("", None, "", entrypoint, code, 0.0)

    def _is_logged(self, code: errors.StatusCode) -> bool:
        return self._logged == "all" or (self._logged == "failed" and code is not errors.StatusCode.OK)


class RequestRecord:
    """What one request turned out to be; the error of the block, if there is one, says how it ended.

    A class, since a generator's context manager costs a request ten times as much.

    Attributes:
      model_name: see `RequestRecords.recording`, and so are the next two.
      api: what was asked for.
      entrypoint: over which protocol.
      version: that answered; `None` where none was found.
    """

    def __init__(self, records: RequestRecords, model_name: str, api: str, entrypoint: str):
        self.model_name = model_name
        self.api = api
        self.entrypoint = entrypoint
        self.version: int | None = None
        self._records = records

    def __enter__(self) -> "RequestRecord":
        self._started = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, worker_threads.ThreadNeededError):
            # It is answered yet.
            return
        failure = error.code if isinstance(error, errors.ServingError) else errors.StatusCode.INTERNAL
        code = errors.StatusCode.OK if error is None else failure
        self._records.add(self, code, time.perf_counter() - self._started)


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
