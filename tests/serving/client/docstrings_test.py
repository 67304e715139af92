"""The examples of the clients' docstrings run as they stand, against a server at the addresses they name."""

import ast
import asyncio
import inspect
import pathlib
import re
import textwrap
import types

import numpy as np
import pytest

from serving import client
from tests.serving import tiny_models
from tests.serving.client import four_clients

# Text of several lines that is indented further than the text before it, after an empty line.
_BLOCK = re.compile(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+")
_DOCUMENTED = (
    client,
    client.RestClient,
    client.AsyncRestClient,
    client.GrpcClient,
    client.AsyncGrpcClient,
    client.Retries,
)


def _examples(documented) -> list[str]:
    blocks = _BLOCK.findall(inspect.getdoc(documented) + "\n")
    return [textwrap.dedent(block) for block in blocks]


_recommender = pytest.mark.parametrize("small_export", ["brute_force"], indirect=True)


@pytest.fixture(scope="module")
def server(small_export, tmp_path_factory):
    base_path = tmp_path_factory.mktemp("documented")
    tiny_models.publish(small_export.path, base_path, 1)
    with tiny_models.running_server(base_path, model_name="shop") as config:
        yield config


@_recommender
@pytest.mark.parametrize("documented", _DOCUMENTED, ids=lambda documented: documented.__name__)
def test_the_examples_of_a_docstring_run(documented, server, tmp_path, monkeypatch, capsys):
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    examples = _examples(documented)
    assert examples
    for example in examples:
        example = example.replace("localhost:8501", f"127.0.0.1:{server.rest_api_port}")
        example = example.replace("localhost:8500", f"127.0.0.1:{server.port}")
        _run(example, {"client": client, "pathlib": pathlib})
    printed = capsys.readouterr().out
    assert ("print" in "".join(examples)) == bool(printed)


@_recommender
@pytest.mark.parametrize("call", ["predict", "recommend"])
def test_the_example_of_a_call_runs(call, server):
    (example,) = _examples(getattr(client.ModelClient, call))
    with four_clients.connected("rest", server) as asked:
        _run(f"assert len({example.strip()})", {call: getattr(asked, call)})


@pytest.mark.parametrize("call", ["classify", "regress"])
def test_the_example_of_a_call_answers_what_it_says(call, upstream_server):
    (example,) = _examples(getattr(client.ModelClient, call))
    expression, _, said = example.partition("#")
    with four_clients.connected("rest", upstream_server) as asked:
        _run(f"assert np.all({expression} == np.array({said}))", {call: getattr(asked, call), "np": np})


def _run(code, names):
    function = types.FunctionType(compile(code, "docstring", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutinefunction(function):
        asyncio.run(function())
    else:
        function()
