import dataclasses
import json
import pathlib
import shutil

import pytest
from absl import flags
from absl.testing import flagsaver

from pipelines import evaluate, job, report_figures, train, training_config, write_report
from tests.pipelines import conftest
from tests.pipelines.report import parsed_page


@pytest.fixture(scope="module")
def config(line, tmp_path_factory):
    root = tmp_path_factory.mktemp("report")
    options = {**conftest.TRAINING_OPTIONS, "num_epochs": 2, "log_q_correction": "none"}
    other = str(root / "without")
    train.run(train.TrainJobConfig(line.prepared_dir, other, training_config.training_config(options)))
    asked = evaluate.EvaluateConfig(
        line.prepared_dir,
        line.model_dir,
        other_model_dir=other,
        version_dir=str(pathlib.Path(line.export_dir) / "1"),
        slice_columns=("parity",),
    )
    return write_report.ReportConfig(str(root / "report"), asked, histories=True, title="Shop <of> all")


@pytest.fixture(scope="module")
def report(config):
    return write_report.run(config)


@pytest.fixture(scope="module")
def document(config, report):
    return parsed_page.parse((pathlib.Path(config.output_dir) / "report.html").read_text(encoding="utf-8"))


def test_every_section_has_its_figures(document):
    assert [each.text for each in document.find("h2")] == [
        "Sample queries",
        "Accuracy",
        "Two models",
        "Recall by popularity",
        "Recall by slice",
        "Popularity bias",
        "What the logQ correction does",
        "Calibration of the frequency estimate",
        "Training",
        "Embedding map",
        "Index and serving",
        "Data",
        "This run",
    ]
    assert document.find("h1")[0].text == "Shop <of> all"


def test_the_page_shows_what_was_evaluated(config, report, document):
    evaluation = json.loads((pathlib.Path(config.output_dir) / "evaluation.json").read_text())
    assert report["evaluation"]["model"] == evaluation["model"]
    rows = parsed_page.table(document, "log_q_correction=yi2019 beside log_q_correction=none beside").rows()
    assert rows[1][1].split()[0] == f"{evaluation['model']['recall_at_10']:.4f}"
    assert rows[1][2].split()[0] == f"{evaluation['other_model']['recall_at_10']:.4f}"
    low, high = evaluation["intervals"]["other_model"]["recall_at_10"]
    assert rows[1][2].split(" ", 1)[1] == f"{low:.3f} to {high:.3f}"


def test_two_models_that_differ_in_the_correction_show_on_validation_what_it_does(report):
    assert report["correction"]["evaluation"]["other_model_stamp"] == report["evaluation"]["other_model_stamp"]
    assert report["correction"]["evaluation"]["split"] == "validation"
    assert report["correction"]["names"] == report["comparison"]["names"]


def test_two_models_that_differ_in_more_say_nothing_of_the_correction(config, report, monkeypatch, tmp_path):
    configuration = report_figures.configuration
    monkeypatch.setattr(report_figures, "configuration", lambda each: {**configuration(each), "seed": each})
    shutil.copytree(config.output_dir, tmp_path / "again")
    again = write_report.run(dataclasses.replace(config, output_dir=str(tmp_path / "again")))
    assert [each["option"] for each in again["comparison"]["differences"]] == ["log_q_correction", "seed"]
    assert again["correction"] is None


def test_report_json_is_what_the_page_was_made_of(config, report):
    written = json.loads((pathlib.Path(config.output_dir) / "report.json").read_text())
    assert written == json.loads(json.dumps(report))
    assert len(written["embeddings"]["points"]) == 80
    assert len(written["samples"]) == 6


def test_another_run_evaluates_nothing_again_and_shows_no_histories_unless_asked_to(config, report):
    again = write_report.run(dataclasses.replace(config, histories=False, title=""))
    assert again["evaluation"]["reused"]
    assert again["evaluation"]["model"] == report["evaluation"]["model"]
    assert again["samples"] is None
    assert again["title"] == "model"
    page = (pathlib.Path(config.output_dir) / "report.html").read_text(encoding="utf-8")
    assert "Sample queries" not in page
    assert "shopper-" not in page


def test_models_of_the_correction_may_be_others_and_are_asked_on_validation(config, line, tmp_path):
    pair = (line.model_dir, config.evaluation.other_model_dir)
    alone = dataclasses.replace(config.evaluation, other_model_dir="", version_dir="")
    made = write_report.run(write_report.ReportConfig(str(tmp_path), alone, pair), {"stages": [], "title": "Mine"})
    assert made["comparison"] is None
    assert made["correction"]["evaluation"]["split"] == "validation"
    assert made["evaluation"]["split"] == "test"
    assert made["title"] == "Mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "correction.json",
        "evaluation.json",
        "report.html",
        "report.json",
    ]


def test_one_model_of_the_correction_is_refused(config):
    with pytest.raises(job.ConfigError, match=r"--correction_model_dirs must be two directories, .* but are 1"):
        dataclasses.replace(config, correction_model_dirs=("one",))


def test_models_of_the_correction_that_differ_in_more_or_nothing_are_refused(config, line, monkeypatch):
    pair = (line.model_dir, config.evaluation.other_model_dir)
    alike = dataclasses.replace(config, correction_model_dirs=(line.model_dir, line.model_dir))
    with pytest.raises(job.ConfigError, match="differ in no option; train one of them as the other but for that"):
        write_report.run(alike)
    configuration = report_figures.configuration
    monkeypatch.setattr(report_figures, "configuration", lambda each: {**configuration(each), "seed": each})
    with pytest.raises(job.ConfigError, match=r"differ in log_q_correction \(yi2019, none\), seed \("):
        write_report.run(dataclasses.replace(config, correction_model_dirs=pair))


def test_the_place_of_the_evaluation_is_no_flag_of_a_report():
    with flagsaver.flagsaver():
        flags.FLAGS(["report", "--prepared_dir=p", "--model_dir=m", "--output_dir=o", "--evaluation_path=elsewhere"])
        with pytest.raises(job.ConfigError, match="--evaluation_path=elsewhere is no flag of a report"):
            write_report.config_from_flags()


def test_a_report_needs_a_place(config):
    with pytest.raises(job.ConfigError, match="--output_dir must name a directory"):
        dataclasses.replace(config, output_dir="")
