"""What Prometheus reads, by the rules of tensorflow_serving/util/prometheus_exporter.cc."""

from serving.server import metrics


def test_latencies_are_cumulated_microseconds_in_buckets_that_grow_by_four_fifths():
    counted = metrics.Metrics()
    for seconds in (9e-6, 17e-6, 20e-6, 5000.0):
        counted.add_run("shop", "Predict", seconds)
    labels = 'model_name="shop",API="Predict",runtime="TF1"'
    buckets = [line for line in counted.text().splitlines() if line.startswith(":tensorflow:serving:runtime_latency_b")]
    # 10 * 1.8 ^ i: 10, 18, 32.4, ..., 33 of them, and one without bound.
    assert buckets[:3] == [
        f':tensorflow:serving:runtime_latency_bucket{{{labels},le="10"}} 1',
        f':tensorflow:serving:runtime_latency_bucket{{{labels},le="18"}} 2',
        f':tensorflow:serving:runtime_latency_bucket{{{labels},le="32.4"}} 3',
    ]
    assert len(buckets) == 34
    assert buckets[-1] == f':tensorflow:serving:runtime_latency_bucket{{{labels},le="+Inf"}} 4'
    assert f":tensorflow:serving:runtime_latency_sum{{{labels}}} 5e+09" in counted.text()


def test_labels_are_escaped():
    counted = metrics.Metrics()
    counted.add_run('a"b\\c', "Predict", 1.0)
    assert 'model_name="a\\"b\\\\c"' in counted.text()


# Limits of request_example_counts in tensorflow_serving/servables/tensorflow/util.cc: 1, 2, 4, ..., 2 ^ 14.
def test_examples_are_counted_by_request_and_in_total():
    counted = metrics.Metrics()
    for num_examples in (1, 3, 20_000):
        counted.add_examples("shop", num_examples)
    lines = counted.text().splitlines()
    counts = [line for line in lines if line.startswith(":tensorflow:serving:request_example_counts_bucket")]
    assert [line.partition("le=")[2] for line in counts[:3]] == ['"1"} 0', '"2"} 1', '"4"} 2']
    assert [line.partition("le=")[2] for line in counts[14:]] == ['"16384"} 2', '"+Inf"} 3']
    assert ':tensorflow:serving:request_example_counts_count{model="shop"} 3' in lines
    assert ':tensorflow:serving:request_example_count_total{model="shop"} 20004' in lines
