"""compose.yaml and compose.stock.yaml: valid Compose, bound to this machine, limited, restarted."""

import json
import re

import compose_spec
import pytest
import yaml

from tests.deploy import deploy_files, parsed_command_line

_FILES = ("compose.yaml", "compose.stock.yaml")
_SERVICES = sorted(deploy_files.services())


def _seconds(text):
    (number,) = re.fullmatch(r"(\d+)s", text).groups()
    return int(number)


@pytest.fixture(params=_SERVICES)
def service(request):
    return deploy_files.services()[request.param]


@pytest.mark.parametrize("path", _FILES)
def test_the_file_is_valid_compose(path):
    compose_spec.PyCompose.from_yaml(deploy_files.interpolated(path)).to_spec()


def test_a_key_that_compose_does_not_know_would_be_found():
    misspelt = deploy_files.interpolated("compose.yaml").replace("restart:", "restrat:")
    with pytest.raises(ValueError, match="restrat"):
        compose_spec.PyCompose.from_yaml(misspelt)


def test_the_variables_are_those_that_the_first_lines_tell():
    text = deploy_files.text("compose.yaml")
    told = set(re.findall(r"\b([A-Z]+_[A-Z]+)=", text.split("name: tfrs")[0]))
    assert told == set(re.findall(r"\$\{(\w+)", text)) == set(deploy_files.ENVIRONMENT)


def test_there_are_a_server_prometheus_and_grafana():
    assert _SERVICES == ["grafana", "prometheus", "server"]


def test_images_are_pinned_by_a_full_version(service):
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"])


def test_ports_are_bound_to_this_machine_alone(service):
    assert service["ports"]
    for port in service["ports"]:
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)


def test_every_service_is_restarted_checked_and_bounded(service):
    assert service["restart"] == "unless-stopped"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_files_that_are_mounted_exist_and_cannot_be_written(service):
    mounts = [mount for mount in service["volumes"] if isinstance(mount, str) and mount.startswith("./")]
    for mount in mounts:
        source, _, mode = mount.split(":")
        assert mode == "ro", mount
        assert (deploy_files.DEPLOY / source).is_file(), mount


def test_every_named_volume_is_declared():
    declared = set(yaml.safe_load(deploy_files.text("compose.yaml"))["volumes"])
    mounts = [mount for each in deploy_files.services().values() for mount in each["volumes"] if isinstance(mount, str)]
    assert declared == {mount.split(":")[0] for mount in mounts if not mount.startswith("./")}


@pytest.mark.parametrize("make", [lambda: deploy_files.services()["server"], deploy_files.stock_server])
def test_the_model_is_mounted_read_only_where_the_server_looks(make):
    server = make()
    (mount,) = [mount for mount in server["volumes"] if isinstance(mount, dict)]
    assert (mount["source"], mount["read_only"]) == ("/srv/shop", True)
    assert parsed_command_line.parsed(server["command"])["models"] == {"shop": mount["target"]}


def test_the_server_writes_to_tmp_alone_and_is_the_user_of_the_image():
    server = deploy_files.services()["server"]
    assert server["read_only"] is True
    assert [mount.split(":")[0] for mount in server["tmpfs"]] == ["/tmp"]
    assert server["user"] == deploy_files.last("USER")


def test_the_server_is_killed_only_after_its_grace_time():
    server = deploy_files.services()["server"]
    options = parsed_command_line.parsed(server["command"])["options"]
    # One more second for what is stuck, and some for freeing the models.
    assert _seconds(server["stop_grace_period"]) >= options["shutdown_grace_seconds"] + 5


def test_the_ports_are_those_of_the_image():
    exposed = deploy_files.last("EXPOSE").split()
    assert [port.split(":")[1] for port in deploy_files.services()["server"]["ports"]] == exposed == ["8500", "8501"]


def test_health_is_asked_as_the_image_does():
    _, _, command = deploy_files.last("HEALTHCHECK").partition("CMD ")
    assert deploy_files.services()["server"]["healthcheck"]["test"] == ["CMD", *json.loads(command)]


def test_the_stock_server_is_of_the_tensorflow_that_exports_are_written_with():
    pins = (deploy_files.ROOT / "constraints.txt").read_text(encoding="utf-8")
    (version,) = re.findall(r"^tensorflow==(\S+)$", pins, re.MULTILINE)
    server = deploy_files.stock_server()
    assert server["image"] == f"tensorflow/serving:{version}"
    assert server["entrypoint"] == ["tensorflow_model_server"]
    # It reads the same file as the image of this repository has inside.
    assert "./config/monitoring.config:/etc/tfrs/monitoring.config:ro" in server["volumes"]
    text = deploy_files.text("compose.stock.yaml")
    assert "A scann export\n# cannot run here" in text
    assert "python -m serving.preflight --model_dir=" in text


def test_the_stock_servers_health_is_the_status_of_its_model():
    words = deploy_files.stock_server()["healthcheck"]["test"]
    assert words[:3] == ["CMD", "bash", "-c"]
    assert "'GET /v1/models/%s HTTP/1.0\\r\\n\\r\\n' 'shop'" in words[3]
