"""GET /monitoring/prometheus/metrics, as --monitoring_config_file turns it on."""

import json
import re

import grpc
import pytest

from tests.conformance import export_models, requests
from tests.conformance.citations import Source, cites

_COUNT = ":tensorflow:serving:request_count"
_LATENCY = ":tensorflow:serving:request_latency"
_RUNTIME = ":tensorflow:serving:runtime_latency"


@pytest.fixture
def samples(rest):
    """Reads all samples: `name{labels}` to number."""

    def scrape():
        lines = rest.get(export_models.METRICS_PATH).text.splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    return scrape


def _grown(before, after):
    """Returns by how much each sample grew that grew."""
    return {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}


def _predict(prediction):
    prediction.Predict(requests.predict(requests.spec("half_plus_two"), {"x": [2.0]}), timeout=10)


@cites(Source.HTTP_SERVER, "ProcessPrometheusRequest: Content-Type text/plain")
@cites(Source.PROMETHEUS_EXPORTER, "kPrometheusPath; GeneratePage ends with a line break")
@cites(Source.MONITORING_PROTO, "PrometheusConfig.enable, .path")
def test_the_page_is_plain_text(rest, prediction):
    _predict(prediction)
    response = rest.get("/monitoring/prometheus/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].partition(";")[0] == "text/plain"
    assert response.text.endswith("\n")


@cites(Source.PROMETHEUS_EXPORTER, "SerializeScalar, SerializeHistogram: a TYPE line before the samples of a metric")
@cites(Source.SERVABLE_UTIL, "request_count, request_latency, runtime_latency")
@pytest.mark.parametrize(("name", "kind"), [(_COUNT, "counter"), (_LATENCY, "histogram"), (_RUNTIME, "histogram")])
def test_each_metric_says_its_type(rest, prediction, name, kind):
    _predict(prediction)
    lines = rest.get(export_models.METRICS_PATH).text.splitlines()
    place = lines.index(f"# TYPE {name} {kind}")
    assert lines[place + 1].startswith((f"{name}{{", f"{name}_bucket{{"))
    assert sum(line.startswith(f"# TYPE {name} ") for line in lines) == 1


@cites(Source.PREDICTION_SERVICE, "Predict: RecordModelRequestCount, RecordRequestLatency")
@cites(Source.PREDICT_UTIL, "RunPredict: RecordRuntimeLatency, API Predict, runtime TF1")
def test_a_predict_over_grpc_is_counted_and_timed(samples, prediction):
    before = samples()
    _predict(prediction)
    grown = _grown(before, samples())
    assert grown[f'{_COUNT}{{model_name="half_plus_two",status="OK"}}'] == 1
    assert grown[f'{_LATENCY}_count{{model_name="half_plus_two",API="Predict",entrypoint="GRPC"}}'] == 1
    assert grown[f'{_RUNTIME}_count{{model_name="half_plus_two",API="Predict",runtime="TF1"}}'] == 1


@cites(Source.HTTP_SERVER, "RestApiRequestDispatcher::ProcessRequest: the method of the path, entrypoint REST")
def test_a_predict_over_rest_is_counted_and_timed(samples, rest):
    before = samples()
    rest.post("/v1/models/half_plus_two:predict", content='{"instances": [1.0]}')
    grown = _grown(before, samples())
    assert grown[f'{_COUNT}{{model_name="half_plus_two",status="OK"}}'] == 1
    assert grown[f'{_LATENCY}_count{{model_name="half_plus_two",API="predict",entrypoint="REST"}}'] == 1
    assert grown[f'{_RUNTIME}_count{{model_name="half_plus_two",API="Predict",runtime="TF1"}}'] == 1


@cites(Source.PREDICTION_SERVICE, "Classify, Regress: RecordModelRequestCount, RecordRequestLatency")
@cites(Source.SERVABLE_UTIL, "RecordRequestExampleCount: request_example_counts, request_example_count_total")
@pytest.mark.parametrize("method", ["Classify", "Regress"])
def test_requests_with_examples_are_counted_with_their_number(samples, prediction, method):
    before = samples()
    spec = requests.spec("half_plus_two", f"{method.lower()}_x_to_y")
    request = getattr(requests, method.lower())(spec, requests.numbers(1.0, 2.0, 3.0))
    getattr(prediction, method)(request, timeout=10)
    grown = _grown(before, samples())
    assert grown[f'{_COUNT}{{model_name="half_plus_two",status="OK"}}'] == 1
    assert grown[f'{_LATENCY}_count{{model_name="half_plus_two",API="{method}",entrypoint="GRPC"}}'] == 1
    assert grown[f'{_RUNTIME}_count{{model_name="half_plus_two",API="{method}",runtime="TF1"}}'] == 1
    assert grown[':tensorflow:serving:request_example_count_total{model="half_plus_two"}'] == 3
    assert grown[':tensorflow:serving:request_example_counts_sum{model="half_plus_two"}'] == 3


@cites(Source.PREDICTION_SERVICE, "Predict: the latency is recorded of what was answered, the count of everything")
@cites(Source.SERVABLE_UTIL, "RecordModelRequestCount: error::Code_Name")
def test_refusals_are_counted_by_their_code_and_not_timed(samples, prediction, rest):
    before = samples()
    with pytest.raises(grpc.RpcError):
        prediction.Predict(requests.predict(requests.spec("half_plus_two", version=9), {"x": [2.0]}), timeout=10)
    rest.post("/v1/models/half_plus_two:predict", content="{}")
    grown = _grown(before, samples())
    assert grown[f'{_COUNT}{{model_name="half_plus_two",status="NOT_FOUND"}}'] == 1
    assert grown[f'{_COUNT}{{model_name="half_plus_two",status="INVALID_ARGUMENT"}}'] == 1
    assert not [name for name in grown if name.startswith((_LATENCY, _RUNTIME))]


@cites(Source.SERVABLE_UTIL, "request_latency: Buckets::Exponential(10, 1.8, 33), microseconds")
@cites(Source.PROMETHEUS_EXPORTER_TEST, "Histogram: cumulative buckets, +Inf, _sum, _count")
@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (_LATENCY, 'model_name="half_plus_two",API="Predict",entrypoint="GRPC"'),
        (_RUNTIME, 'model_name="half_plus_two",API="Predict",runtime="TF1"'),
    ],
)
def test_latencies_are_histograms_in_microseconds(samples, prediction, name, labels):
    _predict(prediction)
    read = samples()
    limits = [*(f"{10 * 1.8**step:g}" for step in range(33)), "+Inf"]
    buckets = [read[f'{name}_bucket{{{labels},le="{limit}"}}'] for limit in limits]
    assert buckets == sorted(buckets)
    assert buckets[-1] == read[f"{name}_count{{{labels}}}"] > 0
    # A mean between a microsecond and ten seconds: neither milliseconds nor nanoseconds would be.
    assert 1 < read[f"{name}_sum{{{labels}}}"] / buckets[-1] < 1e7


@cites(Source.HTTP_SERVER, "CreateAndStartHttpServer: the path is registered as it is configured")
@pytest.mark.parametrize("path", ["/metrics", "/monitoring/prometheus", "/monitoring/prometheus/metrics/"])
def test_the_page_is_nowhere_else(rest, path):
    assert rest.get(path).status_code == 404


@cites(Source.PROMETHEUS_EXPORTER, 'SerializeScalar, SerializeHistogram: NAME{label="value",label="value"} number')
def test_every_line_is_a_type_or_a_sample(rest, prediction):
    _predict(prediction)
    rest.post("/v1/models/half_plus_two:predict", content=json.dumps({"instances": [1.0]}))
    sample = r'[a-zA-Z_:][a-zA-Z0-9_:]*\{([a-zA-Z_]\w*="([^"\\]|\\.)*"(,|(?=\})))*\} [-+.0-9einfa]+'
    for line in rest.get(export_models.METRICS_PATH).text.splitlines():
        assert re.fullmatch(rf"# TYPE [\w:]+ (counter|gauge|histogram|untyped)|{sample}", line), line
