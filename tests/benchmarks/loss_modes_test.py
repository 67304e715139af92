import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

from benchmarks import loss_modes
from benchmarks.quality import kept_results
from pipelines import job, training_state
from tfrs_model import model_config

_FIRST, _SECOND = 0.05, 1.0


def test_point_pair_and_list_wise_losses_meet_every_similarity_at_every_temperature():
    modes = loss_modes.LossModesConfig("work", (_FIRST, _SECOND)).modes
    assert len(set(modes)) == len(modes) == 6 * 3 * 2 * 2
    assert {mode.kind for mode in modes} == {"list-wise", "pair-wise", "point-wise"}
    assert {mode.similarity for mode in modes} == {"cosine", "dot", "euclidean"}
    assert len({mode.name for mode in modes}) == len(modes)


def test_what_the_model_refuses_is_said_and_all_else_is_trained():
    reasons = {mode: loss_modes.refusal(mode, {}) for mode in loss_modes.LossModesConfig("work", (0.1,)).modes}
    trained = {(mode.kind, mode.similarity, mode.log_q_correction) for mode, reason in reasons.items() if not reason}
    both = {"yi2019", "none"}
    everywhere = {"cosine", "dot", "euclidean"}
    assert trained == {
        *((kind, each, logq) for kind in ("list-wise", "pair-wise") for each in everywhere for logq in both),
        *(("point-wise", each, logq) for each in ("cosine", "dot") for logq in both),
    }
    # Of 36 rows: 4 point-wise losses have no Euclid, 3 squared ones no correction either.
    assert sum(reason is not None for reason in reasons.values()) == 4 * 2 + 3 * 2
    refused = loss_modes.Mode("binary_cross_entropy", "euclidean", "none", 0.1)
    assert "wants positive scores for positives, but similarity=euclidean has none above 0" in reasons[refused]


def test_an_option_that_is_wrong_in_every_mode_is_no_refusal_of_one():
    with pytest.raises(model_config.ModelConfigError, match="embedding_dim must be >= 1"):
        loss_modes.LossModesConfig("work", options={"embedding_dim": 0})


@pytest.mark.parametrize("name", ["objective", "similarity", "temperature", "log_q_correction", "seed"])
def test_what_differs_between_the_modes_is_no_option(name):
    with pytest.raises(job.ConfigError, match=f"^--{name} is what differs between the modes; leave it out.$"):
        loss_modes.LossModesConfig("work", options={name: 1})


@pytest.mark.parametrize("temperatures", [(), (0.1, 0.1), (0.0, 1.0), (-1.0,)])
def test_temperatures_are_different_and_above_0(temperatures):
    with pytest.raises(job.ConfigError, match="--loss_mode_temperatures must be different numbers > 0"):
        loss_modes.LossModesConfig("work", temperatures)


def _answers(mode, num_questions=40):
    """Ranks 10 or less for every question of cosine, for every second of the inner product, for none of Euclid."""
    share = {"cosine": 1, "dot": 2, "euclidean": num_questions + 1}[mode.similarity]
    hit = np.arange(1, num_questions + 1) % share == 0
    figures = {"ndcg_at_10": 0.5, "recall_at_100": 1.0, "best_epoch": 3, "training_seconds": 2.0}
    return kept_results.Result(figures, np.where(hit, 10, 11))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study whose answers are planted; returns its result, its table and what was asked in which order."""
    tmp_path, asked = tmp_path_factory.mktemp("study"), []

    def planted(config, mode, seed, prepared_dir, directory):
        asked.append((seed, mode))
        return _answers(mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss_modes, "_run_once", planted)
        patch.setattr(loss_modes.sources, "prepare", lambda *arguments: str(tmp_path))
        result = loss_modes.run(loss_modes.LossModesConfig(str(tmp_path), (_FIRST, _SECOND), num_seeds=2))
    return result, (tmp_path / "loss_modes.md").read_text(encoding="utf-8"), asked


def test_every_mode_is_asked_with_one_seed_before_any_is_with_the_next(study):
    _, _, asked = study
    # 22 rows of the 36 can be trained, each at two temperatures.
    assert [seed for seed, _ in asked] == [0] * 44 + [1] * 44


def test_the_table_has_recall_its_difference_to_the_reference_and_the_reasons_of_refusals(study):
    result, table, _ = study
    assert result["reference"]["temperature"] == _FIRST
    rows = {
        (row["objective"], row["similarity"], row["log_q_correction"], row["temperature"]): row
        for row in result["rows"]
    }
    dot = rows["softmax", "dot", "none", _SECOND]
    assert dot["recall_at_10"] == 0.5
    low, high = dot["minus_reference"]
    # The standard error of a share of a half over 40 questions is .079.
    assert -0.5 - 2.2 * 0.079 < low < -0.5 - 1.5 * 0.079
    assert -0.5 + 1.5 * 0.079 < high < -0.5 + 2.2 * 0.079
    assert rows["softmax", "cosine", "yi2019", _SECOND]["minus_reference"] == [0.0, 0.0]
    lines = table.splitlines()
    assert lines[0] == "|  | objective | similarity | logQ | T = 0.05 | T = 1 |"
    reference = "1.000 (+0.000 to +0.000)"
    assert f"| list-wise | softmax | cosine | yi2019 | {reference} | {reference} |" in lines
    lost = "0.000 (-1.000 to -1.000)"
    assert f"| pair-wise | bayesian_personalised_ranking | euclidean | none | {lost} | {lost} |" in lines
    # The head, its rule and the 22 rows that can be trained; the other 14 are named below with the reason.
    assert sum(line.startswith("|") for line in lines) == 24
    (refused,) = [line for line in lines if "objective=huber wants positive scores for positives" in line]
    assert refused.startswith("Refused, euclidean with logQ none: ")
    (uncorrectable,) = [line for line in lines if "objective=huber pulls scores to 0 and 1" in line]
    assert uncorrectable.startswith(
        "Refused, dot with logQ yi2019, cosine with logQ yi2019, euclidean with logQ yi2019:"
    )


def _diverging(similarity):
    """Stands in for a run: trains of one similarity diverge, others answer."""

    def planted(config, mode, seed, prepared_dir, directory):
        if mode.similarity == similarity and mode.objective == "softmax" and seed == 1:
            raise training_state.TrainingDivergedError("The loss is nan in epoch 2.")
        return _answers(mode)

    return planted


def test_a_training_that_diverges_is_a_row_and_the_study_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(loss_modes, "_run_once", _diverging("dot"))
    monkeypatch.setattr(loss_modes.sources, "prepare", lambda *arguments: str(tmp_path))
    result = loss_modes.run(loss_modes.LossModesConfig(str(tmp_path), (_FIRST,), num_seeds=2))
    diverged = [row for row in result["rows"] if "diverged" in row]
    assert [(row["objective"], row["similarity"]) for row in diverged] == [("softmax", "dot")] * 2
    assert {row["diverged"] for row in diverged} == {"Seed 1: The loss is nan in epoch 2."}
    assert "| list-wise | softmax | dot | none | diverged |" in (tmp_path / "loss_modes.md").read_text(encoding="utf-8")


def test_a_reference_that_diverges_leaves_nothing_to_compare_with(tmp_path, monkeypatch):
    monkeypatch.setattr(loss_modes, "_run_once", _diverging("cosine"))
    monkeypatch.setattr(loss_modes.sources, "prepare", lambda *arguments: str(tmp_path))
    with pytest.raises(training_state.TrainingDivergedError):
        loss_modes.run(loss_modes.LossModesConfig(str(tmp_path), (_FIRST,), num_seeds=2))


def test_options_of_all_modes_come_from_a_file_and_from_flags(tmp_path):
    path = tmp_path / "options.json"
    path.write_text('{"embedding_dim": 16, "num_epochs": 7}', encoding="utf-8")
    with flagsaver.flagsaver():
        flags.FLAGS(["loss_modes", f"--config={path}", "--num_epochs=3"])
        assert loss_modes.config_from_flags().options == {"embedding_dim": 16, "num_epochs": 3}
