import shutil
import time

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from serving import errors
from serving.server import cancellation, servable


@pytest.fixture(scope="module")
def model(playground_dir):
    loaded = servable.Servable.load("tiny", 7, playground_dir)
    yield loaded
    loaded.close()


def _strings(*values):
    return np.array(values, object)


def test_a_signature_answers_by_name(model):
    outputs = model.run("two_inputs", {"a": np.array([2.0, 3.0], np.float32), "b": np.array([2, 5])})
    assert list(outputs) == ["is_equal", "next", "product"]
    assert outputs["product"].tolist() == [4.0, 15.0]
    assert outputs["is_equal"].tolist() == [True, False]
    assert outputs["next"].dtype == np.int64


def test_no_name_means_serving_default_and_a_vector_may_feed_a_column(model):
    # TensorFlow Serving's own first example sends [1.0, 2.0, 5.0] to a [?, 1] placeholder.
    assert model.run("", {"x": np.array([1.0, 2.0, 5.0], np.float32)})["y"].tolist() == [2.5, 3.0, 4.5]


def test_an_output_filter_selects_and_orders(model):
    inputs = {"a": np.ones(1, np.float32), "b": np.ones(1, np.int64)}
    assert list(model.run("two_inputs", inputs, ["product", "is_equal"])) == ["product", "is_equal"]


def test_strings_pass_byte_for_byte(model):
    assert model.run("text", {"texts": _strings(b"\x00\xff")})["doubled"].tolist() == [b"\x00\xff\x00\xff"]


def test_a_scalar_is_an_array_too(model):
    assert model.run("total", {"x": np.ones(2, np.float32)})["sum"].shape == ()
    joined = model.run("joined", {"texts": _strings(b"a", b"b")})["all"]
    assert (joined.shape, joined.item()) == ((), b"a+b")


# Texts as in predict_util.cc of TensorFlow Serving and util.cc, direct_session.cc of TensorFlow.
@pytest.mark.parametrize(
    ("signature_name", "inputs", "output_filter", "error_class", "text"),
    [
        ("absent", {}, (), errors.FailedPreconditionError, 'Serving signature key "absent" not found.'),
        (
            "serving_default",
            {},
            (),
            errors.InvalidArgumentError,
            "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
        ),
        (
            "serving_default",
            {"x": np.zeros(1, np.float32), "z": np.zeros(1)},
            (),
            errors.InvalidArgumentError,
            "input size does not match signature: 2!=1 len({x,z}) != len({x}). Sent extra: {z}. "
            "Missing but required: {}.",
        ),
        (
            "serving_default",
            {"z": np.zeros(1)},
            (),
            errors.InvalidArgumentError,
            "Signature input alias: x(feed name: serving_default_x:0) not found in request and no default value "
            "provided. Inputs expected to be in the request {z}, or default input alias set: ",
        ),
        (
            "two_inputs",
            {"a": np.zeros(1, np.float32), "b": _strings(b"1")},
            (),
            errors.InvalidArgumentError,
            "Expects arg[1] to be int64 but string is provided",
        ),
        (
            "serving_default",
            {"x": np.zeros(1, np.float32)},
            ("z",),
            errors.InvalidArgumentError,
            "output tensor alias not found in signature: z Outputs expected to be in the set {y}.",
        ),
        (
            "serving_default",
            {"x": np.zeros(1, np.float32)},
            ("y", "y"),
            errors.InvalidArgumentError,
            "duplicate output tensor alias: y",
        ),
    ],
)
def test_a_wrong_request_gets_the_sentence_of_tensorflow_serving(
    model, signature_name, inputs, output_filter, error_class, text
):
    for call in (model.run, model.check):
        with pytest.raises(error_class) as refusal:
            call(signature_name, inputs, output_filter)
        assert str(refusal.value) == text


def test_a_request_that_only_the_graph_would_refuse_passes_the_check(model):
    model.check("refuses", {"texts": _strings(b"bad")})


def test_a_request_runs_before_its_deadline_and_as_long_as_somebody_waits(model):
    gone = cancellation.Cancellation()
    inputs = {"x": np.zeros(1, np.float32)}
    assert model.run("", inputs, (), time.monotonic() + 1000.0, gone)["y"].tolist() == [2.0]
    with pytest.raises(errors.DeadlineExceededError, match="The deadline of the request passed before it ran"):
        model.run("", inputs, (), time.monotonic())
    gone.cancel()
    with pytest.raises(errors.CancelledError, match="The request was cancelled before it ran"):
        model.run("", inputs, (), None, gone)


def test_what_the_graph_refuses_keeps_its_code_and_message_without_python_frames(model):
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        model.run("refuses", {"texts": _strings(b"good", b"bad")})
    assert "texts must not be bad" in str(refusal.value)
    assert ".py" not in str(refusal.value)
    assert "stack trace" not in str(refusal.value)


def test_a_shape_that_the_graph_cannot_take_is_the_callers_error(model):
    with pytest.raises(errors.InvalidArgumentError, match="Incompatible shapes"):
        model.run("two_inputs", {"a": np.zeros(2, np.float32), "b": np.zeros(3, np.int64)})


def test_two_outputs_may_be_one_tensor(tmp_path):
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None], "x")
        y = x + 1.0
        tf.compat.v1.saved_model.simple_save(session, str(tmp_path / "1"), {"x": x}, {"y": y, "z": y})
    model = servable.Servable.load("twins", 1, tmp_path / "1")
    outputs = model.run("", {"x": np.zeros(1, np.float32)})
    assert {name: array.tolist() for name, array in outputs.items()} == {"y": [1.0], "z": [1.0]}
    model.close()


def test_an_input_with_a_default_may_be_left_out(half_plus_two_dir, tmp_path):
    model_dir = shutil.copytree(half_plus_two_dir, tmp_path / "1")
    saved_model = saved_model_pb2.SavedModel.FromString((model_dir / "saved_model.pb").read_bytes())
    signature = saved_model.meta_graphs[0].signature_def["serving_default"]
    signature.defaults["x"].CopyFrom(tf.make_tensor_proto([[4.0]]))
    (model_dir / "saved_model.pb").write_bytes(saved_model.SerializeToString())
    model = servable.Servable.load("tiny", 1, model_dir)
    assert model.run("", {})["y"].tolist() == [[4.0]]
    with pytest.raises(
        errors.InvalidArgumentError, match=r"Inputs contains invalid name\. Used request inputs: , request"
    ):
        model.run("", {"z": np.zeros(1)})
    model.close()


def _broken(half_plus_two_dir, tmp_path, damage):
    model_dir = shutil.copytree(half_plus_two_dir, tmp_path / "1")
    damage(model_dir)
    return model_dir


@pytest.mark.parametrize(
    ("damage", "error_class", "text"),
    [
        (
            lambda model_dir: (model_dir / "saved_model.pb").unlink(),
            errors.NotFoundError,
            "Could not find SavedModel .pb at supplied export directory path",
        ),
        (
            lambda model_dir: (model_dir / "saved_model.pb").write_bytes(b"\x0a\xff"),
            errors.DataLossError,
            r"Can't parse .*saved_model.pb as binary proto",
        ),
        (lambda model_dir: shutil.rmtree(model_dir / "variables"), errors.ServingError, "variables"),
        (
            lambda model_dir: next((model_dir / "variables").glob("*.data*")).write_bytes(b""),
            errors.OutOfRangeError,
            "Read less bytes than requested",
        ),
    ],
)
def test_a_broken_folder_does_not_load(half_plus_two_dir, tmp_path, damage, error_class, text):
    with pytest.raises(error_class, match=text):
        servable.Servable.load("tiny", 1, _broken(half_plus_two_dir, tmp_path, damage))


def test_a_tag_set_that_is_not_there_does_not_load(half_plus_two_dir):
    with pytest.raises(errors.NotFoundError, match=r"Could not find meta graph def matching supplied tags: \{ gpu \}"):
        servable.Servable.load("tiny", 1, half_plus_two_dir, ("gpu",))


def test_an_op_that_this_process_lacks_does_not_load(half_plus_two_dir, tmp_path):
    def rename_an_op(model_dir):
        path = model_dir / "saved_model.pb"
        path.write_bytes(path.read_bytes().replace(b"AssignVariableOp", b"AssignUnknownXOp"))

    with pytest.raises(errors.ServingError, match="Op type not registered 'AssignUnknownXOp'"):
        servable.Servable.load("tiny", 1, _broken(half_plus_two_dir, tmp_path, rename_an_op))


def test_a_model_with_scann_ops_asks_for_the_package(half_plus_two_dir, tmp_path, monkeypatch):
    def add_a_scann_op(model_dir):
        path = model_dir / "saved_model.pb"
        saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
        saved_model.meta_graphs[0].graph_def.node.add(name="search", op="Scann>ScannSearchBatched")
        path.write_bytes(saved_model.SerializeToString())

    monkeypatch.setitem(__import__("sys").modules, "scann", None)
    with pytest.raises(
        errors.FailedPreconditionError, match="uses ScaNN ops, but the scann package cannot be imported"
    ):
        servable.Servable.load("tiny", 1, _broken(half_plus_two_dir, tmp_path, add_a_scann_op))


def test_a_model_with_scann_ops_answers(scann_dir):
    model = servable.Servable.load("tiny", 1, scann_dir)
    # By hand: the products are 3, 2, 1, 0 and .6 * 6 = 3.6.
    assert model.run("", {"queries": np.array([[3, 2, 1, 0]], np.float32)})["neighbors"].tolist() == [[4, 0, 1]]
    model.close()
