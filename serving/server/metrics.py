"""What Prometheus reads: TensorFlow Serving's counters and histograms, by its names and in its text.

Names, labels and buckets are those of tensorflow_serving/servables/tensorflow/util.cc, the text that of
tensorflow_serving/util/prometheus_exporter.cc: names that begin with a colon, and counters without `_total`, which the
client library of Prometheus does not write.
"""

import bisect
import contextlib
import threading
import time
from collections.abc import Iterator, Sequence

from serving import errors

_PREFIX = ":tensorflow:serving:"
# Microseconds: 10 * 1.8 ^ i.
_LATENCY_BOUNDS = [10.0 * 1.8**exponent for exponent in range(33)]
_EXAMPLE_BOUNDS = [2.0**exponent for exponent in range(15)]


class _Histogram:
    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect.bisect_right(self.bounds, value)] += 1
        self.total += value


class Metrics:
    """Counts requests and their time. Calls may come at once from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._request_count: dict[tuple[str, ...], int] = {}
        self._request_latency: dict[tuple[str, ...], _Histogram] = {}
        self._runtime_latency: dict[tuple[str, ...], _Histogram] = {}
        self._example_counts: dict[tuple[str, ...], _Histogram] = {}

    def add_request(self, model_name: str, api: str, entrypoint: str, code: errors.StatusCode, seconds: float) -> None:
        """Counts a request; only those that were answered have a latency.

        Args:
          model_name: of the request.
          api: `Predict`, `Classify`, `Regress` or `MultiInference`; over REST the verb of the path, as upstream has it.
          entrypoint: `GRPC` or `REST`.
          code: how it ended.
          seconds: how long it took.
        """
        with self._lock:
            key = (model_name, code.name)
            self._request_count[key] = self._request_count.get(key, 0) + 1
            if code == errors.StatusCode.OK:
                histogram = self._request_latency.setdefault((model_name, api, entrypoint), _Histogram(_LATENCY_BOUNDS))
                histogram.add(seconds * 1e6)

    @contextlib.contextmanager
    def counting(self, model_name: str, api: str, entrypoint: str) -> Iterator[None]:
        """Counts what the block does as a request; its error, if there is one, says how it ended."""
        code, started = errors.StatusCode.INTERNAL, time.perf_counter()
        try:
            yield
            code = errors.StatusCode.OK
        except errors.ServingError as error:
            code = error.code
            raise
        finally:
            self.add_request(model_name, api, entrypoint, code, time.perf_counter() - started)

    def add_run(self, model_name: str, api: str, seconds: float) -> None:
        """Counts a run of a model.

        Args:
          model_name: whose.
          api: `Predict`, `Classify`, `Regress` or `MultiInference`.
          seconds: how long it took.
        """
        with self._lock:
            self._runtime_latency.setdefault((model_name, api, "TF1"), _Histogram(_LATENCY_BOUNDS)).add(seconds * 1e6)

    def add_examples(self, model_name: str, num_examples: int) -> None:
        """Counts the examples of a request that was run.

        Args:
          model_name: whose.
          num_examples: how many the request had.
        """
        with self._lock:
            self._example_counts.setdefault((model_name,), _Histogram(_EXAMPLE_BOUNDS)).add(num_examples)

    def text(self) -> str:
        """Returns all of it in Prometheus' text format."""
        with self._lock:
            totals = {key: int(histogram.total) for key, histogram in self._example_counts.items()}
            lines = [
                *_counter_lines("request_count", ("model_name", "status"), self._request_count),
                *_histogram_lines("request_latency", ("model_name", "API", "entrypoint"), self._request_latency),
                *_histogram_lines("runtime_latency", ("model_name", "API", "runtime"), self._runtime_latency),
                *_histogram_lines("request_example_counts", ("model",), self._example_counts),
                *_counter_lines("request_example_count_total", ("model",), totals),
            ]
        return "".join(f"{line}\n" for line in lines)


def _counter_lines(name: str, labels: tuple[str, ...], values: dict[tuple[str, ...], int]) -> Iterator[str]:
    yield f"# TYPE {_PREFIX}{name} counter"
    for key, value in sorted(values.items()):
        yield f"{_PREFIX}{name}{{{_labelled(labels, key)}}} {value}"


def _histogram_lines(name: str, labels: tuple[str, ...], values: dict[tuple[str, ...], _Histogram]) -> Iterator[str]:
    yield f"# TYPE {_PREFIX}{name} histogram"
    for key, histogram in sorted(values.items()):
        labelled, cumulated = _labelled(labels, key), 0
        for bound, count in zip([*map("{:g}".format, histogram.bounds), "+Inf"], histogram.counts, strict=True):
            cumulated += count
            yield f'{_PREFIX}{name}_bucket{{{labelled},le="{bound}"}} {cumulated}'
        yield f"{_PREFIX}{name}_sum{{{labelled}}} {histogram.total:g}"
        yield f"{_PREFIX}{name}_count{{{labelled}}} {cumulated}"


def _labelled(labels: tuple[str, ...], key: tuple[str, ...]) -> str:
    return ",".join(f'{label}="{_escaped(value)}"' for label, value in zip(labels, key, strict=True))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
