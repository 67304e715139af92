"""One SavedModel that holds both towers and the index, with named signatures."""

import os
import pathlib
from collections.abc import Callable

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from serving import manifest, request_inputs, served_recommender, signatures


def write_saved_model(served: served_recommender.ServedRecommender, model_dir: str | os.PathLike[str]) -> None:
    """Writes the SavedModel into an empty directory."""
    options = tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
    tf.saved_model.save(served, os.fspath(model_dir), signatures=served.signatures(), options=options)
    _write_defaults(served, pathlib.Path(model_dir) / "saved_model.pb")


def load_saved_model(model_dir: str | os.PathLike[str]) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
    """Returns the signatures of an export by name, as functions from which inputs may be left out.

    What `tf.saved_model.load` returns wants every input, since it does not read the defaults of a signature. An export
    with a ScaNN index needs `import scann` before.

    Args:
      model_dir: the folder of a version.

    Raises:
      ManifestError: if the folder is not as its manifest says.
    """
    manifest.require_as_published(model_dir)
    loaded = tf.saved_model.load(os.fspath(model_dir))
    return {name: _filling_in(loaded, function) for name, function in loaded.signatures.items()}


def _filling_in(loaded: tf.Module, function: tf.types.experimental.ConcreteFunction) -> Callable:
    specs = function.structured_input_signature[1]

    def call(**inputs: object) -> dict[str, tf.Tensor]:
        given = {name: tf.convert_to_tensor(value, specs[name].dtype) for name, value in inputs.items()}
        left_out = {
            name: tf.constant(request_inputs.default_of(spec), spec.dtype)
            for name, spec in specs.items()
            if name not in given
        }
        return function(**given, **left_out)

    # The variables live as long as what was loaded.
    call.loaded = loaded
    call.specs = specs
    return call


def _write_defaults(served: served_recommender.ServedRecommender, path: pathlib.Path) -> None:
    """Writes into each signature what an input is that a request leaves out; TensorFlow Serving fills it in.

    `tf.saved_model.save` takes defaults from the parameters of a Python function; the inputs of these signatures have
    names that only the schema knows.
    """
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    signature_defs = saved.meta_graphs[0].signature_def
    for name in signatures.ALL:
        specs = served.input_specs(name)
        for each, value in served.defaults(name).items():
            default = tf.make_tensor_proto(value, specs[each].dtype, value.shape)
            signature_defs[name].defaults[each].CopyFrom(default)
    path.write_bytes(saved.SerializeToString(deterministic=True))
