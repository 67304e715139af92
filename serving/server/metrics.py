"""What Prometheus reads: TensorFlow Serving's counters and histograms, by its names and in its text.

Names, labels and buckets are those of tensorflow_serving/servables/tensorflow/util.cc, the text that of
tensorflow_serving/util/prometheus_exporter.cc: names that begin with a colon, and counters without `_total`, which the
client library of Prometheus does not write.
"""

import bisect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from serving import errors

_PREFIX = ":tensorflow:serving:"
# Microseconds: 10 * 1.8 ^ i.
_LATENCY_BOUNDS = [10.0 * 1.8**exponent for exponent in range(33)]
_EXAMPLE_BOUNDS = [2.0**exponent for exponent in range(15)]
# What tensorflow_model_server has no metrics for: names as Prometheus recommends them, seconds.
_OWN_PREFIX = "tfrs_server_"
_QUEUE_BOUNDS = [bound / 1e6 for bound in _LATENCY_BOUNDS]


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
        self._queue_seconds: dict[tuple[str, ...], _Histogram] = {}
        self._readings: dict[tuple[str, str, tuple[str, ...]], Callable[[], Mapping[tuple[str, ...], int]]] = {}

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
                _add(self._request_latency, (model_name, api, entrypoint), _LATENCY_BOUNDS, seconds * 1e6)

    def add_run(self, model_name: str, api: str, seconds: float) -> None:
        """Counts a run of a model.

        Args:
          model_name: whose.
          api: `Predict`, `Classify`, `Regress` or `MultiInference`.
          seconds: how long it took.
        """
        with self._lock:
            _add(self._runtime_latency, (model_name, api, "TF1"), _LATENCY_BOUNDS, seconds * 1e6)

    def add_examples(self, model_name: str, num_examples: int) -> None:
        """Counts the examples of a request that was run.

        Args:
          model_name: whose.
          num_examples: how many the request had.
        """
        with self._lock:
            _add(self._example_counts, (model_name,), _EXAMPLE_BOUNDS, num_examples)

    def add_queue_seconds(self, api: str, seconds: float) -> None:
        """Counts a request that waited for a thread.

        Args:
          api: `grpc` or `rest`.
          seconds: how long it did.
        """
        with self._lock:
            _add(self._queue_seconds, (api,), _QUEUE_BOUNDS, seconds)

    def add_reading(
        self, name: str, labels: tuple[str, ...], read: Callable[[], Mapping[tuple[str, ...], int]], kind: str = "gauge"
    ) -> None:
        """Has something read whenever metrics are asked for.

        Args:
          name: of the metric, `tfrs_server_` goes before it.
          labels: names of its labels.
          read: returns values by the values of the labels.
          kind: `gauge`, or `counter`.
        """
        self._readings[name, kind, labels] = read

    def text(self) -> str:
        """Returns all of it in Prometheus' text format."""
        read = {key: reading() for key, reading in self._readings.items()}
        with self._lock:
            totals = {key: int(histogram.total) for key, histogram in self._example_counts.items()}
            lines = [
                *_counter_lines("request_count", ("model_name", "status"), self._request_count),
                *_histogram_lines("request_latency", ("model_name", "API", "entrypoint"), self._request_latency),
                *_histogram_lines("runtime_latency", ("model_name", "API", "runtime"), self._runtime_latency),
                *_histogram_lines("request_example_counts", ("model",), self._example_counts),
                *_counter_lines("request_example_count_total", ("model",), totals),
                *_histogram_lines("request_queue_seconds", ("api",), self._queue_seconds, _OWN_PREFIX),
            ]
        for (name, kind, labels), values in read.items():
            lines += _counter_lines(name, labels, values, _OWN_PREFIX, kind)
        return "".join(f"{line}\n" for line in lines)


def _add(
    histograms: dict[tuple[str, ...], _Histogram], key: tuple[str, ...], bounds: Sequence[float], value: float
) -> None:
    histogram = histograms.get(key)
    if histogram is None:
        histogram = histograms[key] = _Histogram(bounds)
    histogram.add(value)


def _counter_lines(
    name: str,
    labels: tuple[str, ...],
    values: Mapping[tuple[str, ...], int],
    prefix: str = _PREFIX,
    kind: str = "counter",
) -> Iterator[str]:
    yield f"# TYPE {prefix}{name} {kind}"
    for key, value in sorted(values.items()):
        yield f"{prefix}{name}{{{_labelled(labels, key)}}} {value}"


def _histogram_lines(
    name: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], _Histogram], prefix: str = _PREFIX
) -> Iterator[str]:
    yield f"# TYPE {prefix}{name} histogram"
    for key, histogram in sorted(values.items()):
        labelled, cumulated = _labelled(labels, key), 0
        for bound, count in zip([*map("{:g}".format, histogram.bounds), "+Inf"], histogram.counts, strict=True):
            cumulated += count
            yield f'{prefix}{name}_bucket{{{labelled},le="{bound}"}} {cumulated}'
        yield f"{prefix}{name}_sum{{{labelled}}} {histogram.total:g}"
        yield f"{prefix}{name}_count{{{labelled}}} {cumulated}"


def _labelled(labels: tuple[str, ...], key: tuple[str, ...]) -> str:
    return ",".join(f'{label}="{_escaped(value)}"' for label, value in zip(labels, key, strict=True))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
