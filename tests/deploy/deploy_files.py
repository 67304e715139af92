"""What lies in `deploy/`, read for the tests: the image's instructions, the services of Compose, the manifests."""

import json
import pathlib
import re
from collections.abc import Iterator, Mapping

import yaml

ROOT = pathlib.Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
# What Compose takes from the environment, as its comment tells the user to set it.
ENVIRONMENT = {"MODEL_DIR": "/srv/shop", "MODEL_NAME": "shop", "GRAFANA_PASSWORD": "secret"}

_VARIABLE = re.compile(r"\$\{(\w+)(?::[-?][^}]*)?\}")
Instruction = tuple[str, str]


def text(path: str) -> str:
    return (DEPLOY / path).read_text(encoding="utf-8")


def stages() -> list[list[Instruction]]:
    """The stages of the Dockerfile, each a list of (instruction, rest of the line); the ARG before them is left out."""
    found: list[list[Instruction]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        if found:
            found[-1].append(instruction)
    return found


def instructions() -> Iterator[Instruction]:
    """The instructions of the Dockerfile in their order, continued lines joined."""
    lines = [line for line in text("Dockerfile").splitlines() if line.strip() and not line.startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _, rest = line.partition(" ")
        yield name, rest


def last(instruction: str) -> str:
    """What the last such instruction of the final stage says; that one counts."""
    return [rest for name, rest in stages()[-1] if name == instruction][-1]


def services(path: str = "compose.yaml") -> dict[str, dict]:
    """The services of a Compose file with the variables of `ENVIRONMENT` set."""
    return yaml.safe_load(interpolated(path))["services"]


def stock_server() -> dict:
    """The service `server` as `compose.stock.yaml` leaves it: maps are merged, volumes added, the rest replaced."""
    base, over = services()["server"], services("compose.stock.yaml")["server"]
    merged = {"healthcheck": base["healthcheck"] | over["healthcheck"], "volumes": base["volumes"] + over["volumes"]}
    return base | over | merged


def interpolated(path: str) -> str:
    return _VARIABLE.sub(lambda match: ENVIRONMENT[match[1]], text(path))


def manifests() -> list[dict]:
    """All objects of the files that the kustomization of the cluster lists, that itself left out."""
    names = [name for name in kustomization()["resources"] if name.endswith(".yaml")]
    return [document for name in names for document in yaml.safe_load_all(text(f"kubernetes/{name}"))]


def kustomization(path: str = "kubernetes") -> dict:
    return yaml.safe_load(text(f"{path}/kustomization.yaml"))


def manifest(kind: str, name: str = "tfrs-model-server") -> dict:
    (found,) = [each for each in manifests() if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pod() -> dict:
    return manifest("Deployment")["spec"]["template"]["spec"]


def container() -> dict:
    (found,) = pod()["containers"]
    return found


def command_lines() -> Mapping[str, list[str]]:
    """The arguments that the server is started with, by the file that has them."""
    return {
        "Dockerfile": json.loads(last("CMD")),
        "compose.yaml": services()["server"]["command"],
        "compose.stock.yaml": stock_server()["command"],
        "kubernetes/deployment.yaml": container()["args"],
    }
