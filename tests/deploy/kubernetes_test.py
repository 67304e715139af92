"""The manifests: valid by the schemas of several releases, and of one mind with each other and with the server."""

import kubernetes_validate
import pytest

from tests.deploy import deploy_files, parsed_command_line

# From the oldest with all that is used here (gRPC probes are stable since 1.27) to the newest that the validator knows.
_RELEASES = ("1.27", "1.34", "1.37")
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
_NAMES = [(each["kind"], each["metadata"]["name"]) for each in deploy_files.manifests()]


def _number_of_bytes(quantity):
    return int(quantity[:-2]) * _UNITS[quantity[-2:]]


def _pod_labels():
    return deploy_files.manifest("Deployment")["spec"]["template"]["metadata"]["labels"]


def _ports():
    return {port["name"]: port["containerPort"] for port in deploy_files.container()["ports"]}


def _selectors():
    """Every selector that means the pods of the server, by whose it is."""
    found = {
        "Deployment": deploy_files.manifest("Deployment")["spec"]["selector"]["matchLabels"],
        "NetworkPolicy": deploy_files.manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        "PodDisruptionBudget": deploy_files.manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        "spread": deploy_files.pod()["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    }
    services = [each for each in deploy_files.manifests() if each["kind"] == "Service"]
    return found | {each["metadata"]["name"]: each["spec"]["selector"] for each in services}


def test_there_is_one_of_everything_and_none_names_a_namespace():
    kinds = ["Deployment", "HorizontalPodAutoscaler", "NetworkPolicy", "PersistentVolumeClaim", "PodDisruptionBudget"]
    assert sorted(kind for kind, _ in _NAMES) == [*kinds, "Service", "Service"]
    assert [each for each in deploy_files.manifests() if "namespace" in each["metadata"]] == []


@pytest.mark.parametrize("release", _RELEASES)
@pytest.mark.parametrize(("kind", "name"), _NAMES)
def test_every_object_is_valid_without_a_field_that_nobody_knows(kind, name, release):
    kubernetes_validate.validate(deploy_files.manifest(kind, name), release, strict=True)


def test_a_misspelt_field_would_be_found():
    changed = deploy_files.manifest("Deployment")
    changed["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        kubernetes_validate.validate(changed, _RELEASES[-1], strict=True)


def test_every_file_of_the_folder_is_listed():
    listed = set(deploy_files.kustomization()["resources"]) - {"../config"}
    present = {path.name for path in (deploy_files.DEPLOY / "kubernetes").iterdir()}
    assert present == listed | {"kustomization.yaml"}


def test_the_configuration_that_is_mounted_is_generated_from_files_that_exist():
    assert "../config" in deploy_files.kustomization()["resources"]
    (generated,) = deploy_files.kustomization("config")["configMapGenerator"]
    (volume,) = [volume for volume in deploy_files.pod()["volumes"] if "configMap" in volume]
    assert volume["configMap"]["name"] == generated["name"]
    assert {path.name for path in (deploy_files.DEPLOY / "config").iterdir()} == {
        *generated["files"],
        "kustomization.yaml",
    }


def test_files_and_models_of_the_command_line_lie_under_a_mount():
    paths = {mount["name"]: mount["mountPath"] for mount in deploy_files.container()["volumeMounts"]}
    assert set(paths) == {volume["name"] for volume in deploy_files.pod()["volumes"]}
    assert all(word.partition("=")[2].startswith(f"{paths['config']}/") for word in _words_with("_file="))
    models = parsed_command_line.parsed(deploy_files.container()["args"])["models"]
    assert all(path.startswith(f"{paths['models']}/") for path in models.values())


def _words_with(part):
    return [word for word in deploy_files.container()["args"] if part in word]


def test_the_claim_that_is_mounted_exists_and_is_only_read():
    (volume,) = [volume for volume in deploy_files.pod()["volumes"] if "persistentVolumeClaim" in volume]
    claim = deploy_files.manifest("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert volume["persistentVolumeClaim"]["readOnly"] is True
    (mount,) = [mount for mount in deploy_files.container()["volumeMounts"] if mount["name"] == volume["name"]]
    assert mount["readOnly"] is True


@pytest.mark.parametrize("whose", sorted(_selectors()))
def test_every_selector_finds_the_pods(whose):
    assert _selectors()[whose].items() <= _pod_labels().items()
    assert _selectors()[whose]


def test_the_ports_are_those_of_the_command_line():
    options = parsed_command_line.parsed(deploy_files.container()["args"])["options"]
    assert _ports() == {"grpc": options["port"], "rest": options["rest_api_port"]}


def test_services_and_policies_name_ports_that_the_container_has():
    grpc, rest = deploy_files.manifest("Service"), deploy_files.manifest("Service", "tfrs-model-server-rest")
    assert [(port["port"], port["targetPort"]) for port in grpc["spec"]["ports"]] == [(_ports()["grpc"], "grpc")]
    assert [(port["port"], port["targetPort"]) for port in rest["spec"]["ports"]] == [(_ports()["rest"], "rest")]
    rules = deploy_files.manifest("NetworkPolicy")["spec"]["ingress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == set(_ports())


def test_grpc_clients_see_the_pods_and_not_one_address():
    assert deploy_files.manifest("Service")["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("probe", _PROBES)
def test_probes_ask_the_health_of_the_whole_server_on_its_grpc_port(probe):
    # The server answers NOT_FOUND for every service name but the empty one: tests/conformance/health_test.py.
    assert deploy_files.container()[probe]["grpc"] == {"port": _ports()["grpc"]}


def test_loading_may_take_ten_minutes_and_a_busy_server_two_before_it_is_killed():
    startup, liveness = (deploy_files.container()[probe] for probe in ("startupProbe", "livenessProbe"))
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 600
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 120
    assert liveness["timeoutSeconds"] >= 5


def test_a_pod_that_stops_has_time_for_what_it_still_has_to_do():
    options = parsed_command_line.parsed(deploy_files.container()["args"])["options"]
    program, seconds = deploy_files.container()["lifecycle"]["preStop"]["exec"]["command"]
    assert program == "sleep"
    needed = int(seconds) + options["shutdown_grace_seconds"] + 5
    assert deploy_files.pod()["terminationGracePeriodSeconds"] >= needed


def test_the_pod_runs_as_the_user_of_the_image_with_nothing_it_does_not_need():
    pod, container = deploy_files.pod(), deploy_files.container()
    user, group = map(int, deploy_files.last("USER").split(":"))
    assert pod["securityContext"] == {
        **{"runAsNonRoot": True, "runAsUser": user, "runAsGroup": group},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        **{"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True},
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False


def test_memory_is_requested_in_full_and_holds_the_sum_of_the_comment():
    resources = deploy_files.container()["resources"]
    assert resources["limits"]["memory"] == resources["requests"]["memory"]
    # README, sizes of an index: 717 MB for `scann` over a million candidates; 810 MB of process, 500 MB for requests.
    readme = (deploy_files.ROOT / "README.md").read_text(encoding="utf-8")
    assert "| 1,000,000 | `scann` | 24 s | 313 MB | 2.2 s | 717 MB |" in readme
    assert _number_of_bytes(resources["limits"]["memory"]) >= (2 * 717 + 810 + 500) * 1e6


def test_replicas_are_the_autoscalers_and_one_may_always_go():
    deployment = deploy_files.manifest("Deployment")
    scaler = deploy_files.manifest("HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"] == {
        **{"apiVersion": deployment["apiVersion"], "kind": "Deployment"},
        "name": deployment["metadata"]["name"],
    }
    assert "replicas" not in deployment["spec"]
    # Utilization is measured against the request, so there has to be one.
    assert scaler["metrics"][0]["resource"]["name"] in deploy_files.container()["resources"]["requests"]
    most_away = deploy_files.manifest("PodDisruptionBudget")["spec"]["maxUnavailable"]
    assert 1 <= most_away < scaler["minReplicas"] <= scaler["maxReplicas"]


def test_nobody_outside_of_the_namespace_but_prometheus_gets_in_and_nothing_goes_out():
    policy = deploy_files.manifest("NetworkPolicy")["spec"]
    assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"]
    assert policy["egress"] == []
    senders = [sender for rule in policy["ingress"] for sender in rule["from"]]
    outside = [rule for rule in policy["ingress"] if any("namespaceSelector" in sender for sender in rule["from"])]
    assert all(set(sender) in ({"podSelector"}, {"namespaceSelector"}) for sender in senders)
    assert [[port["port"] for port in rule["ports"]] for rule in outside] == [["rest"]]


def test_the_annotations_for_prometheus_say_where_the_metrics_are():
    annotations = deploy_files.manifest("Deployment")["spec"]["template"]["metadata"]["annotations"]
    parsed = parsed_command_line.parsed(deploy_files.container()["args"])
    assert annotations == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(parsed["options"]["rest_api_port"]),
        "prometheus.io/path": parsed["metrics_path"],
    }


def test_the_image_is_one_that_the_kustomization_renames():
    (image,) = deploy_files.kustomization()["images"]
    assert deploy_files.container()["image"] == image["name"]
