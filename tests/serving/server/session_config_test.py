import pathlib

import pytest

from serving.server import server_config, session_config


def _of(**options):
    return session_config.from_config(server_config.ServerConfig(pathlib.Path("models"), **options))


def test_without_flags_tensorflow_chooses():
    assert not _of().ListFields()


def test_flags_count_for_more_than_the_file(tmp_path):
    file = tmp_path / "session.config"
    file.write_text("intra_op_parallelism_threads: 3 inter_op_parallelism_threads: 4 allow_soft_placement: true")
    made = _of(
        tensorflow_session_config_file=file,
        tensorflow_inter_op_parallelism=7,
        per_process_gpu_memory_fraction=0.5,
    )
    assert (made.intra_op_parallelism_threads, made.inter_op_parallelism_threads) == (3, 7)
    assert made.allow_soft_placement
    assert made.gpu_options.per_process_gpu_memory_fraction == 0.5


@pytest.mark.parametrize("text", [None, "intra_op: 3"])
def test_a_file_that_is_no_configuration_is_told(tmp_path, text):
    file = tmp_path / "session.config"
    if text is not None:
        file.write_text(text)
    with pytest.raises(server_config.ServerConfigError) as refusal:
        _of(tensorflow_session_config_file=file)
    assert str(refusal.value).startswith(
        f"--tensorflow_session_config_file={file} must hold a ConfigProto in protobuf's text format: "
    )
