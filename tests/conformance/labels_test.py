"""Labels of versions: in ModelSpec, and in the path."""

import json

import grpc
import pytest

from tests.conformance import requests
from tests.conformance.citations import Source, cite, cites
from tests.conformance.refusals import GrpcRefusal, id_of

# export_models.LABELS: 123 is half plus two, 124 half plus three.
_LABELS = [("stable", 123, 2.5), ("canary", 124, 3.5)]


@cites(Source.SERVER_CORE_TEST, "ModelSpecMultipleVersionsAvailable")
@cites(Source.MODEL_PROTO, "ModelSpec.version_label")
@pytest.mark.parametrize(("label", "version", "y"), _LABELS)
def test_a_label_is_the_version_that_it_stands_for(prediction, label, version, y):
    response = prediction.Predict(requests.predict(requests.spec("labelled", label=label), {"x": [1.0]}), timeout=10)
    assert list(response.outputs["y"].float_val) == [y]
    assert response.model_spec.version.value == version
    assert not response.model_spec.version_label


@cites(Source.SERVER_CORE_TEST, "ModelSpecMultipleVersionsAvailable: without version and label, the latest")
def test_without_a_label_the_newest_version_answers(prediction):
    response = prediction.Predict(requests.predict(requests.spec("labelled"), {"x": [1.0]}), timeout=10)
    assert response.model_spec.version.value == 124


@cites(Source.REST_HANDLER_TEST, "Predict, Regress, Classify: using a version label")
@pytest.mark.parametrize(("label", "version", "y"), _LABELS)
def test_a_label_in_the_path_is_the_version_that_it_stands_for(rest, label, version, y):
    def ask(verb, body):
        return rest.post(f"/v1/models/labelled/labels/{label}:{verb}", content=json.dumps(body)).json()

    assert ask("predict", {"instances": [1.0]}) == {"predictions": [y]}
    metadata = rest.get(f"/v1/models/labelled/labels/{label}/metadata").json()
    assert metadata["model_spec"]["version"] == str(version)


@cites(Source.REST_HANDLER_TEST, "Regress, Classify: using a version label")
@pytest.mark.parametrize(("label", "version", "y"), _LABELS)
def test_classify_and_regress_take_labels_too(rest, label, version, y):
    def ask(verb, signature_name):
        body = {"signature_name": signature_name, "examples": [{"x": 1.0}]}
        return rest.post(f"/v1/Models/labelled/Labels/{label}:{verb}", content=json.dumps(body)).json()

    assert ask("classify", "classify_x_to_y") == {"results": [[["", y]]]}
    assert ask("regress", "regress_x_to_y") == {"results": [y]}


@cites(Source.GET_MODEL_METADATA, "SavedModelGetSignatureDef: GetServableHandle of the ModelSpec")
def test_metadata_of_a_label_names_the_version(prediction):
    request = requests.metadata(requests.spec("labelled", label="stable"), "signature_def")
    assert prediction.GetModelMetadata(request, timeout=10).model_spec.version.value == 123


_LABEL = cite(Source.SERVER_CORE, "GetModelVersionForLabel")
_REFUSED = [
    GrpcRefusal(
        requests.predict(requests.spec(name, label=label), {"x": [1.0]}),
        grpc.StatusCode.INVALID_ARGUMENT,
        f"Unrecognized servable version label: {label}",
        _LABEL,
    )
    # Labels are looked up before models, and are what they are.
    for name, label in [("labelled", "nonexistent"), ("labelled", "STABLE"), ("absent", "stable"), ("newest", "stable")]
]


@pytest.mark.parametrize("refusal", _REFUSED, ids=lambda row: f"{row.request.model_spec.name}-{id_of(row)}")
def test_a_label_that_is_not_given_is_refused(prediction, refusal):
    with pytest.raises(grpc.RpcError) as refused:
        prediction.Predict(refusal.request, timeout=10)
    assert refused.value.details() == refusal.text
    assert refused.value.code() is refusal.code


@cites(Source.VERSION_POLICY_PROTO, "ServableVersionPolicy.Specific: only the versions named are served")
def test_a_version_on_disk_that_is_not_named_does_not_serve(prediction):
    with pytest.raises(grpc.RpcError) as refused:
        prediction.Predict(requests.predict(requests.spec("labelled", version=125), {"x": [1.0]}), timeout=10)
    assert refused.value.details() == "Servable not found for request: Specific(labelled, 125)"
