import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from serving import errors
from serving.server import predict
from tests.serving import example_requests


def _request(signature_name):
    request = predict_pb2.PredictRequest(model_spec={"signature_name": signature_name})
    request.inputs["inputs"].CopyFrom(tf.make_tensor_proto([example_requests.example(x=2.0).SerializeToString()]))
    return request


@pytest.mark.parametrize(("signature_name", "output"), [("classify_x_to_y", "scores"), ("regress_x_to_y", "outputs")])
def test_a_signature_of_classify_or_regress_answers_predict_too(upstream_half_plus_two, signature_name, output):
    response = predict.predict(upstream_half_plus_two, _request(signature_name), is_method_name_checked=True)
    # 0.5 * 2 + 2.
    assert list(response.outputs[output].float_val) == [3.0]


# PredictionWithNamedRegressionSignature in TensorFlow Serving's predict_impl_test.cc: 0.5 * 2 + 3.
def test_an_input_in_the_middle_of_the_graph_is_fed_too(upstream_half_plus_two):
    request = predict_pb2.PredictRequest(model_spec={"signature_name": "regress_x2_to_y3"})
    request.inputs["inputs"].CopyFrom(tf.make_tensor_proto([[2.0]]))
    assert list(predict.predict(upstream_half_plus_two, request).outputs["outputs"].float_val) == [4.0]


# VerifySignature in TensorFlow Serving's predict_util.cc.
def test_a_signature_of_a_method_of_its_own_answers_unless_the_name_is_checked(misfits):
    assert list(predict.predict(misfits, _request("other_method")).outputs["scores"].float_val) == [0.0, 0.0]
    with pytest.raises(errors.InternalError) as refusal:
        predict.predict(misfits, _request("other_method"), is_method_name_checked=True)
    assert str(refusal.value) == (
        "Expected prediction signature method_name to be one of {tensorflow/serving/predict, "
        "tensorflow/serving/classify, tensorflow/serving/regress}. Was: other/method"
    )


def test_the_check_leaves_an_unknown_signature_to_its_own_sentence(misfits):
    with pytest.raises(errors.FailedPreconditionError, match='Serving signature key "absent" not found'):
        predict.predict(misfits, _request("absent"), is_method_name_checked=True)
