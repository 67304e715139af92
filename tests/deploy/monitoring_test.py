"""Dashboard, alerts and scraping against the metrics of a running server."""

import http.client
import json
import re

import pytest
import yaml

from tests.deploy import deploy_files, promql
from tests.serving import tiny_models

# Of the metrics that tensorflow_model_server does not have, those that the dashboard is to show.
_OWN = (
    *("tfrs_server_queued_requests", "tfrs_server_requests_under_way"),
    *("tfrs_server_model_version_info", "tfrs_server_request_queue_seconds"),
)
# What Prometheus itself adds: the first to every metric, the second beside them.
_TARGET_LABELS = {"job", "instance"}
_OF_PROMETHEUS = {"up": set()}
_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)\{(.*)\} \S+")
_PATH = "/monitoring/prometheus/metrics"


def _dashboard():
    return json.loads(deploy_files.text("grafana/model_server.json"))


def _rules():
    (group,) = yaml.safe_load(deploy_files.text("alerts.yaml"))["groups"]
    return group["rules"]


def _targets():
    return [(panel["title"], target) for panel in _dashboard()["panels"] for target in panel["targets"]]


def _expressions():
    """(where it stands, expression) of every panel, variable and alert."""
    panels = [(f"panel {title}", target["expr"]) for title, target in _targets()]
    return panels + [(rule["alert"], rule["expr"]) for rule in _rules()]


_EXPRESSIONS = _expressions()


@pytest.fixture(scope="module")
def page(upstream_dir):
    """The metrics of a server with the monitoring.config of the image, after requests of each kind over each API."""
    options = {"monitoring_config_file": deploy_files.DEPLOY / "config" / "monitoring.config"}
    with tiny_models.running_server(upstream_dir.parent, **options) as config:
        for protocol in ("rest", "grpc"):
            with tiny_models.connected(protocol, config) as client:
                client.predict("tiny", {"x": [[1.0]]})
                client.regress("tiny", [{"x": 1.0}], signature_name="regress_x_to_y")
        yield _got(config.rest_api_port, _PATH)


def _got(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == http.HTTPStatus.OK
        return answer.read().decode()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def labels_of(page):
    """Name of each metric that can be asked for to its labels."""
    found = dict(_OF_PROMETHEUS)
    for line in page.splitlines():
        if sample := _SAMPLE.fullmatch(line):
            found[sample[1]] = set(re.findall(r'(\w+)="', sample[2]))
    assert {"status", "model_name"} == found[":tensorflow:serving:request_count"]
    return {name: labels | _TARGET_LABELS for name, labels in found.items()}


@pytest.fixture(scope="module")
def kind_of(page):
    return {"up": "gauge"} | dict(re.findall(r"^# TYPE (\S+) (\w+)$", page, re.MULTILINE))


@pytest.mark.parametrize(("where", "expression"), _EXPRESSIONS)
def test_every_metric_that_is_asked_for_is_exposed_with_the_labels_that_are_asked_for(where, expression, labels_of):
    asked = promql.asked(expression)
    assert asked.labels_of, where
    for name, labels in asked.labels_of.items():
        assert name in labels_of
        assert labels <= labels_of[name], name
        assert asked.grouped_by <= labels_of[name], name


@pytest.mark.parametrize(("where", "expression"), _EXPRESSIONS)
def test_rates_are_of_counters_and_of_nothing_else(where, expression, kind_of):
    asked = promql.asked(expression)
    for name in asked.labels_of:
        family = name if name in kind_of else re.sub("_(bucket|sum|count)$", "", name)
        assert (kind_of[family] in ("counter", "histogram")) == (name in asked.counters), where


@pytest.mark.parametrize("name", ["request_count", "request_latency", "runtime_latency", "request_example_counts"])
def test_the_dashboard_shows_each_of_tensorflow_servings_metrics(name):
    shown = {metric for _, target in _targets() for metric in promql.asked(target["expr"]).labels_of}
    assert any(metric.startswith(f":tensorflow:serving:{name}") for metric in shown)


@pytest.mark.parametrize("name", _OWN)
def test_the_dashboard_shows_each_of_our_own_metrics(name):
    shown = {metric for _, target in _targets() for metric in promql.asked(target["expr"]).labels_of}
    assert any(metric.startswith(name) for metric in shown)


def test_legends_name_labels_that_the_expression_keeps():
    for title, target in _targets():
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert named <= promql.asked(target["expr"]).grouped_by, title


def test_microseconds_and_seconds_are_shown_as_what_they_are():
    for panel in _dashboard()["panels"]:
        shown = " ".join(target["expr"] for target in panel["targets"])
        if "latency" in shown or "_seconds_" in shown:
            assert panel["fieldConfig"]["defaults"]["unit"] == ("µs" if "latency" in shown else "s"), panel["title"]


def test_panels_have_a_number_a_description_and_a_place_of_their_own():
    panels = _dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        assert panel["title"]
        assert panel["description"]
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_everything_on_the_dashboard_asks_the_provisioned_datasource():
    (source,) = yaml.safe_load(deploy_files.text("grafana/datasource.yaml"))["datasources"]
    wanted = {"type": source["type"], "uid": source["uid"]}
    dashboard = _dashboard()
    for each in [*dashboard["panels"], *(target for _, target in _targets()), *dashboard["templating"]["list"]]:
        assert each["datasource"] == wanted
    assert source["url"] == "http://prometheus:9090"


def test_variables_of_the_dashboard_are_used_and_ask_for_exposed_labels(labels_of):
    for variable in _dashboard()["templating"]["list"]:
        name, label = re.fullmatch(
            r"label_values\(([\w:]+)\S*, (\w+)\)", variable["definition"].replace('"', "")
        ).groups()
        assert label in labels_of[name]
        assert any(f"${variable['name']}" in target["expr"] for _, target in _targets())


def test_grafana_finds_datasource_and_dashboard_where_they_are_mounted():
    mounts = dict(mount.split(":")[:2] for mount in deploy_files.services()["grafana"]["volumes"])
    (provider,) = yaml.safe_load(deploy_files.text("grafana/dashboards.yaml"))["providers"]
    assert mounts["./grafana/model_server.json"].startswith(f"{provider['options']['path']}/")
    assert mounts["./grafana/datasource.yaml"].startswith("/etc/grafana/provisioning/datasources/")
    assert mounts["./grafana/dashboards.yaml"].startswith("/etc/grafana/provisioning/dashboards/")


def test_prometheus_scrapes_the_rest_port_of_the_server_and_reads_the_alerts():
    config = yaml.safe_load(deploy_files.text("prometheus.yaml"))
    (scraped,) = config["scrape_configs"]
    assert scraped["metrics_path"] == _PATH
    assert scraped["static_configs"] == [{"targets": ["server:8501"]}]
    # The job that the rules and the dashboard match.
    jobs = set(
        re.findall(r'job="(\w+)"', deploy_files.text("alerts.yaml") + json.dumps(_dashboard()).replace("\\", ""))
    )
    assert jobs == {scraped["job_name"]}
    mounts = dict(mount.split(":")[:2] for mount in deploy_files.services()["prometheus"]["volumes"])
    assert mounts["./prometheus.yaml"] in " ".join(deploy_files.services()["prometheus"]["command"])
    assert mounts["./alerts.yaml"] == f"/etc/prometheus/{config['rule_files'][0]}"


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule["alert"])
def test_an_alert_has_a_severity_a_summary_and_something_to_do(rule):
    assert set(rule) - {"for", "keep_firing_for"} == {"alert", "expr", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "action"}
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    kept = promql.asked(rule["expr"]).grouped_by
    # Without an aggregation all labels are kept.
    assert named <= (kept or _TARGET_LABELS)


def test_each_alert_has_a_case_that_it_fires_on():
    cases = deploy_files.text("alerts_test.yaml")
    assert [rule["alert"] for rule in _rules() if not re.search(rf"\b{rule['alert']}\b", cases)] == []
