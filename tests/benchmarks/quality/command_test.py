import json

import pytest
from absl import flags
from absl.testing import flagsaver

from benchmarks.quality import command


def _parsed(*arguments):
    flags.FLAGS(["quality", *arguments])
    return command.config_from_flags()


@pytest.fixture(autouse=True)
def _flags():
    with flagsaver.flagsaver():
        yield


def test_without_flags_the_test_split_is_asked_of_the_shipped_configuration():
    config = _parsed()
    assert (config.dataset, config.split, config.variants) == ("ml100k", "test", ("default", "uncorrected"))
    assert (config.num_seeds, config.with_baselines, config.options) == (None, True, {})


def test_tuning_takes_training_options_and_says_where_the_data_lie():
    config = _parsed(
        *("--dataset=gowalla", "--quality_split=validation", "--gowalla_path=g.parquet", "--ml1m_dir=m"),
        *("--temperature=.2", "--num_epochs=3", "--variants=gru,paper", "--nobaselines", "--num_seeds=2"),
    )
    assert config.options == {"temperature": 0.2, "num_epochs": 3}
    assert config.variants == ("gru", "paper")
    assert (config.sources.gowalla_path, config.sources.ml1m_dir) == ("g.parquet", "m")
    assert (config.with_baselines, config.num_seeds) == (False, 2)


def test_a_file_of_options_stands_below_the_flags(tmp_path):
    path = tmp_path / "options.json"
    path.write_text('{"temperature": 0.3, "num_epochs": 7}', encoding="utf-8")
    config = _parsed("--quality_split=validation", f"--config={path}", "--num_epochs=3")
    assert config.options == {"temperature": 0.3, "num_epochs": 3}


def test_it_prints_one_json_line_with_its_seconds_and_a_table_beside(monkeypatch, capsys):
    figures = {"recall_at_10": 0.25, "range": {}}
    monkeypatch.setattr(
        command.measurement, "run", lambda config: {**figures, "ablation": {"paper": figures}, "baselines": {}}
    )
    flags.FLAGS(["quality"])
    command.main(["quality"])
    shown = capsys.readouterr()
    (line,) = shown.out.splitlines()
    assert json.loads(line)["recall_at_10"] == 0.25
    assert json.loads(line)["seconds"] >= 0
    assert "paper" in shown.err
    assert "recall_at_10 0.2500" in shown.err


def test_a_training_option_with_the_test_split_ends_with_one_sentence(capsys):
    flags.FLAGS(["quality", "--temperature=.2"])
    with pytest.raises(SystemExit):
        command.main(["quality"])
    assert "ERROR: Training options such as --temperature may be given with" in capsys.readouterr().err
