import pathlib

import pytest

from serving import errors
from serving.server import model_config, version_policy

_THREE = """
model_config_list {
  config { name: "a" base_path: "/models/a" model_platform: "tensorflow" }
  config {
    name: "b" base_path: "/models/b" model_platform: "tensorflow"
    model_version_policy { specific { versions: 41 versions: 42 } }
    version_labels { key: "stable" value: 41 }
    version_labels { key: "canary" value: 42 }
  }
  config { name: "c" base_path: "/models/c" model_type: TENSORFLOW model_version_policy { all {} } }
}
"""


def _read(tmp_path, text):
    (tmp_path / "models.config").write_text(text)
    return model_config.read(tmp_path / "models.config")


def test_models_policies_and_labels_are_read(tmp_path):
    first, second, third = _read(tmp_path, _THREE)
    assert first == model_config.ModelConfig("a", pathlib.Path("/models/a"), version_policy.Latest(1), {})
    assert second.policy == version_policy.Specific(frozenset({41, 42}))
    assert second.labels == {"stable": 41, "canary": 42}
    assert third.policy == version_policy.All()


@pytest.mark.parametrize(("policy", "num_versions"), [("latest {}", 1), ("latest { num_versions: 3 }", 3)])
def test_the_newest_are_one_unless_it_says_how_many(tmp_path, policy, num_versions):
    text = f'name: "a" base_path: "/a" model_platform: "tensorflow" model_version_policy {{ {policy} }}'
    (model,) = _read(tmp_path, f"model_config_list {{ config {{ {text} }} }}")
    assert model.policy == version_policy.Latest(num_versions)


def test_no_models_at_all_are_a_configuration_too(tmp_path):
    assert _read(tmp_path, "model_config_list {}") == []


# The quoted texts are those of tensorflow_serving/model_servers/server_core.cc.
@pytest.mark.parametrize(
    ("config", "text"),
    [
        ('base_path: "/a" model_platform: "tensorflow"', "Every model needs a name, but one of the config list has"),
        (
            'name: "a" base_path: "a" model_platform: "tensorflow"',
            "Expected model a to have an absolute path or URI; got base_path()=a",
        ),
        (
            'name: "a" base_path: "/a"',
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform.",
        ),
        (
            'name: "a" base_path: "/a" model_platform: "tensorflow" model_type: TENSORFLOW',
            "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform.",
        ),
        ('name: "a" base_path: "/a" model_type: OTHER', "ModelServerConfig::model_type choice 2 not supported."),
        ('name: "a" base_path: "/a" model_platform: "caffe"', "Model a requests unsupported platform caffe"),
        (
            'name: "a" base_path: "/a" model_platform: "tensorflow" model_version_policy { specific {} }',
            "The policy `specific` of model a must name at least one version, but names none.",
        ),
    ],
)
def test_a_wrong_model_refuses_the_whole_file(tmp_path, config, text):
    right = 'config { name: "z" base_path: "/z" model_platform: "tensorflow" }'
    with pytest.raises(errors.InvalidArgumentError) as refusal:
        _read(tmp_path, f"model_config_list {{ {right} config {{ {config} }} }}")
    assert str(refusal.value).startswith(text)


def test_a_name_may_come_once(tmp_path):
    one = 'config { name: "a" base_path: "/a" model_platform: "tensorflow" }'
    with pytest.raises(errors.InvalidArgumentError, match="Illegal to list model a multiple times in config list"):
        _read(tmp_path, f"model_config_list {{ {one} {one} }}")


def test_what_is_no_configuration_is_told_with_its_place(tmp_path):
    with pytest.raises(errors.InvalidArgumentError, match=r"must hold a ModelServerConfig in .* does not: 2:1"):
        _read(tmp_path, "model_config_list {\nconfig_ {} }")
    with pytest.raises(errors.InvalidArgumentError, match="must have a model_config_list, but has none"):
        _read(tmp_path, "")
    with pytest.raises(errors.InvalidArgumentError, match="cannot be read: No such file"):
        model_config.read(tmp_path / "absent")


def test_a_base_path_without_a_version_to_serve_is_told(tmp_path):
    (tmp_path / "3").mkdir()
    model = model_config.ModelConfig("a", tmp_path, version_policy.Specific(frozenset({4})))
    with pytest.raises(errors.NotFoundError, match=r"for servable a at: .*; versions there are \[3\]\."):
        model_config.require_versions([model])
    with pytest.raises(errors.InvalidArgumentError, match=r"Could not find base path .*absent for servable a with"):
        model_config.require_versions([model_config.ModelConfig("a", tmp_path / "absent")])
