from tensorflow_serving.apis import model_pb2

from serving.server import model_specs


# MakeModelSpec in TensorFlow Serving's util.cc, and its test ModelSpecTest in util_test.cc.
def test_an_answer_names_the_version_and_the_default_signature():
    assert model_specs.answered(model_pb2.ModelSpec(name="foo"), 1) == model_pb2.ModelSpec(
        name="foo", version={"value": 1}, signature_name="serving_default"
    )


def test_an_answer_has_the_version_instead_of_the_label_that_was_asked_for():
    asked = model_pb2.ModelSpec(name="foo", version_label="stable", signature_name="classify")
    assert model_specs.answered(asked, 7) == model_pb2.ModelSpec(
        name="foo", version={"value": 7}, signature_name="classify"
    )
