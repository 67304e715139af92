"""The four clients against a running server: the same calls, the same answers, the same errors."""

import contextlib
import subprocess
import sys

import numpy as np
import pytest

from serving import client, errors
from tests.serving import tiny_models
from tests.serving.client import four_clients


@pytest.fixture(scope="module", params=four_clients.KINDS)
def asked(request, playground):
    with four_clients.connected(request.param, playground) as made:
        yield made


_REST_ALONE = """
import asyncio, sys
from serving import client

def loaded(*names):
    return sorted(set(names) & set(sys.modules))

assert not loaded("tensorflow", "grpc", "httpx", "httpcore", "anyio", "tfrs_model.towers"), "at import"
url = "http://127.0.0.1:PORT"
with client.RestClient(url) as rest:
    print(rest.predict("tiny", {"x": [[1.0]]})["y"].item())
assert not loaded("tensorflow", "google.protobuf", "grpc", "httpx"), "in use"

async def ask():
    async with client.AsyncRestClient(url) as rest:
        return (await rest.predict("tiny", {"x": [[1.0]]}))["y"].item()

print(asyncio.run(ask()))
assert not loaded("tensorflow", "google.protobuf", "grpc", "httpx"), "in asynchronous use"
"""


def test_importing_the_clients_and_using_rest_loads_no_tensorflow(playground):
    script = _REST_ALONE.replace("PORT", str(playground.rest_api_port))
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert process.stdout == "2.5\n2.5\n", process.stderr


def test_a_list_takes_the_declared_type_and_the_answer_has_it(asked):
    outputs = asked.predict("tiny", {"a": [2, 3.5], "b": [2, 5]}, signature_name="two_inputs")
    assert {name: array.tolist() for name, array in outputs.items()} == {
        "is_equal": [True, False],
        "next": [3, 6],
        "product": [4.0, 17.5],
    }
    assert {name: array.dtype for name, array in outputs.items()} == {
        "is_equal": np.bool_,
        "next": np.int64,
        "product": np.float32,
    }


def test_floats_come_back_bit_for_bit(asked):
    x = np.random.default_rng(0).normal(size=(100, 1)).astype(np.float32)
    np.testing.assert_array_equal(asked.predict("tiny", {"x": x})["y"], x * np.float32(0.5) + np.float32(2))


def test_nan_and_the_infinities_come_back(asked):
    outputs = asked.predict("tiny", {"x": [1.0, -1.0, float("nan")]}, "non_finite")
    np.testing.assert_array_equal(outputs["quotient"], np.array([np.inf, -np.inf, np.nan], np.float32))


def test_bytes_come_back_byte_for_byte(asked):
    texts = [b"\xff\x00", "é", ""]
    assert asked.predict("tiny", {"texts": texts}, "text")["raw_bytes"].tolist() == [b"\xff\x00", "é".encode(), b""]


def test_a_scalar_and_an_empty_batch_have_their_shapes(asked):
    assert asked.predict("tiny", {"x": [1.0, 2.0]}, "total")["sum"].shape == ()
    joined = asked.predict("tiny", {"texts": ["a", "b"]}, "joined")["all"]
    assert (joined.shape, joined.item()) == ((), b"a+b")
    assert asked.predict("tiny", {"x": np.zeros([0, 1], np.float32)})["y"].shape == (0, 1)


def test_a_version_can_be_named(asked):
    assert asked.predict("tiny", {"x": [[1.0]]}, version=7)["y"].item() == 2.5
    with pytest.raises(errors.NotFoundError, match=r"Servable not found for request: Specific\(tiny, 9\)"):
        asked.predict("tiny", {"x": [[1.0]]}, version=9)


def test_status_and_metadata_are_typed(asked):
    assert asked.status("tiny") == [client.ModelVersionStatus(7, "AVAILABLE", errors.StatusCode.OK, "")]
    metadata = asked.metadata("tiny", version=7)
    assert (metadata.model_name, metadata.version) == ("tiny", 7)
    assert metadata.signatures["serving_default"] == client.Signature(
        inputs={"x": client.TensorSpec("DT_FLOAT", (None, 1))}, outputs={"y": client.TensorSpec("DT_FLOAT", (None, 1))}
    )
    assert metadata.signatures["total"].outputs["sum"].shape == ()


def test_recommendations_leave_out_the_slots_without_a_candidate(asked):
    answer = asked.recommend("tiny", ["u1", "u2"], histories=[["c1", "c2"], ["c3"]], signature_name="recommend")
    # The history of u2 is shorter, so its last slot is padding.
    assert answer == [
        [client.Recommendation("u1-first", 0.75), client.Recommendation("c2", 0.5)],
        [client.Recommendation("u2-first", 0.75)],
    ]


def test_a_query_without_a_history_is_answered(asked):
    assert asked.recommend("tiny", ["new"], signature_name="recommend") == [[client.Recommendation("new-first", 0.75)]]


@pytest.mark.parametrize(
    ("inputs", "signature_name", "error_class", "text"),
    [
        (
            {"x": [[1.0]]},
            "absent",
            errors.FailedPreconditionError,
            'Serving signature key "absent" not found. Version 7',
        ),
        ({"texts": ["bad"]}, "refuses", errors.InvalidArgumentError, "texts must not be bad"),
        ({"a": [1.0]}, "two_inputs", errors.InvalidArgumentError, "b"),
        ({"x": [[1.0], []]}, None, errors.InvalidArgumentError, "Input 'x' is a ragged list"),
        ({"x": ["a"]}, None, errors.InvalidArgumentError, "Input 'x' takes DT_FLOAT, but contains 'a'."),
        ({"x": np.array([["a"]])}, None, errors.InvalidArgumentError, "float"),
    ],
)
def test_a_wrong_call_raises_the_error_of_its_code(asked, inputs, signature_name, error_class, text):
    with pytest.raises(error_class) as refusal:
        asked.predict("tiny", inputs, signature_name)
    assert text in str(refusal.value)


def test_a_model_that_is_no_recommender_is_told(asked):
    with pytest.raises(errors.InvalidArgumentError):
        asked.recommend("tiny", ["u1"])
    with pytest.raises(errors.NotFoundError, match=r"Servable not found for request: Latest\(absent\)"):
        asked.recommend("absent", ["u1"])


@pytest.fixture
def closed_gate(tmp_path):
    """A path that signature `wait` waits for; made in the end, for what waits keeps a thread of the server."""
    yield str(tmp_path / "open")
    (tmp_path / "open").touch()


def test_an_answer_that_takes_too_long_is_a_deadline(asked, closed_gate):
    asked.metadata("tiny")
    # A gRPC server knows the deadline, and its own words for it may be here first.
    sentence = r"127\.0\.0\.1:\d+ gave no answer within 0\.05 s\.$|^Timed out waiting for notification$"
    with pytest.raises(errors.DeadlineExceededError, match=sentence):
        asked.predict("tiny", {"path": closed_gate}, "wait", timeout_seconds=0.05)


def test_a_version_and_a_label_are_never_asked_together(asked):
    for call, arguments in ((asked.status, []), (asked.metadata, []), (asked.predict, [{}]), (asked.recommend, [[]])):
        with pytest.raises(errors.InvalidArgumentError, match=r"^A call names a version or a version_label, but got"):
            call("tiny", *arguments, version=7, version_label="stable")


def test_a_label_that_the_server_does_not_know_is_refused(asked):
    # As TensorFlow Serving says it.
    with pytest.raises(errors.InvalidArgumentError, match="Unrecognized servable version label: stable"):
        asked.predict("tiny", {"x": [[1.0]]}, version_label="stable")


@pytest.fixture(scope="module")
def labelled(half_plus_two_dir, half_plus_three_dir, tmp_path_factory):
    """A server of two versions, x * .5 + 2 called `stable` and x * .5 + 3 called `canary`."""
    base_path = tmp_path_factory.mktemp("labelled")
    tiny_models.publish(half_plus_two_dir, base_path / "tiny", 1)
    tiny_models.publish(half_plus_three_dir, base_path / "tiny", 2)
    config = base_path / "models.config"
    config.write_text(
        f"""model_config_list {{ config {{
          name: "tiny" base_path: "{base_path / "tiny"}" model_platform: "tensorflow"
          model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
          version_labels {{ key: "stable" value: 1 }} version_labels {{ key: "canary" value: 2 }}
        }} }}""",
        encoding="utf-8",
    )
    options = {"model_config_file": config, "allow_version_labels_for_unavailable_models": True}
    with tiny_models.running_server(None, **options) as server:
        yield server


@pytest.mark.parametrize("kind", four_clients.KINDS)
def test_a_version_is_asked_by_its_label(kind, labelled):
    with four_clients.connected(kind, labelled) as asked:
        answers = [
            asked.predict("tiny", {"x": [[1.0]]}, version_label=each)["y"].item() for each in ("stable", "canary")
        ]
        assert answers == [2.5, 3.5]
        assert asked.metadata("tiny", version_label="stable").version == 1
        assert [status.version for status in asked.status("tiny", version_label="canary")] == [2]


def test_a_timeout_that_is_none_is_refused(asked):
    with pytest.raises(
        errors.InvalidArgumentError, match=r"^timeout_seconds must be a positive number of seconds, but"
    ):
        asked.status("tiny", timeout_seconds=0)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"x": np.array([None], object)}, "Input 'x' takes strings, but contains None."),
        ({"unknown": [None]}, "Input 'unknown' takes strings, but contains None."),
        ({"texts": ["\ud800"]}, "Input 'texts' contains '\\ud800', half of a surrogate pair"),
        ([1.0], "inputs maps the names of inputs to their values, but is [1.0]."),
    ],
)
def test_what_no_protocol_can_send_is_refused_before_it_is_sent(asked, inputs, text):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        asked.predict("tiny", inputs, "text")
    assert text in str(refusal.value)


def test_clients_follow_a_version_that_declares_other_types(tmp_path, half_plus_two_dir, playground_dir):
    tiny_models.publish(half_plus_two_dir, tmp_path, 1)
    with tiny_models.running_server(tmp_path) as config, contextlib.ExitStack() as open_clients:
        made = [open_clients.enter_context(four_clients.connected(kind, config)) for kind in four_clients.KINDS]
        for asked in made:
            asked.predict("tiny", {"x": [[1.0]]})
        tiny_models.publish(playground_dir, tmp_path, 2)
        tiny_models.wait_until(
            lambda: ("AVAILABLE", 2) in [(status.state, status.version) for status in made[0].status("tiny")]
        )
        for asked in made:
            # This signature is new in version 2.
            assert asked.predict("tiny", {"texts": ["a"]}, "text")["doubled"].tolist() == [b"aa"]
