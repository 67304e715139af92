"""Both clients against a running server: the same calls, the same answers, the same errors."""

import socket
import subprocess
import sys
import threading

import numpy as np
import pytest

from serving import client, errors
from tests.serving import tiny_models


@pytest.fixture(scope="module", params=["rest", "grpc"])
def asked(request, playground):
    made = (
        client.RestClient(f"http://127.0.0.1:{playground.rest_api_port}/")
        if request.param == "rest"
        else client.GrpcClient(f"127.0.0.1:{playground.port}")
    )
    with made:
        yield made


def test_importing_the_clients_and_using_rest_loads_no_tensorflow(playground):
    script = f"""
import sys
from serving import client
assert not {{"tensorflow", "grpc", "tfrs_model.towers"}} & set(sys.modules), "at import"
with client.RestClient("http://127.0.0.1:{playground.rest_api_port}") as rest:
    print(rest.predict("tiny", {{"x": [[1.0]]}})["y"].item())
assert "tensorflow" not in sys.modules, "in use"
"""
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert process.stdout == "2.5\n", process.stderr


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


def test_an_answer_that_takes_too_long_is_a_deadline(asked, tmp_path):
    with pytest.raises(errors.DeadlineExceededError):
        asked.predict("tiny", {"path": str(tmp_path / "open")}, "wait", timeout_seconds=0.05)
    (tmp_path / "open").touch()


def test_no_server_at_the_address_is_unavailable():
    port = tiny_models.free_port()
    with (
        client.RestClient(f"http://127.0.0.1:{port}") as rest,
        pytest.raises(
            errors.UnavailableError, match=f"http://127.0.0.1:{port} cannot be reached .* Start the model server"
        ),
    ):
        rest.status("tiny")
    with (
        client.GrpcClient(f"127.0.0.1:{port}") as grpc,
        pytest.raises(errors.UnavailableError, match=f"127.0.0.1:{port} cannot be reached .* Start the model server"),
    ):
        grpc.status("tiny")


def test_an_address_that_speaks_something_else_is_told():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def answer_once():
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            connection.close()

        thread = threading.Thread(target=answer_once)
        thread.start()
        with (
            client.RestClient(f"http://127.0.0.1:{listener.getsockname()[1]}") as rest,
            pytest.raises(errors.InternalError, match="The server did not answer JSON, but b'hello'"),
        ):
            rest.status("tiny")
        thread.join()


def test_a_client_follows_a_version_that_declares_other_types(tmp_path, half_plus_two_dir, playground_dir):
    tiny_models.publish(half_plus_two_dir, tmp_path, 1)
    with (
        tiny_models.running_server(tmp_path) as config,
        client.RestClient(f"http://127.0.0.1:{config.rest_api_port}") as rest,
    ):
        rest.predict("tiny", {"x": [[1.0]]})
        tiny_models.publish(playground_dir, tmp_path, 2)
        tiny_models.wait_until(
            lambda: ("AVAILABLE", 2) in [(status.state, status.version) for status in rest.status("tiny")]
        )
        # This signature is new in version 2.
        assert rest.predict("tiny", {"texts": ["a"]}, "text")["doubled"].tolist() == [b"aa"]
