"""What the numbers of a run say, in plain words."""

from collections.abc import Mapping, Sequence

from pipelines.report import metric_names
from pipelines.report.number_format import count, duration, interval, is_number, milliseconds, p_value, percent

# Shares closer than this are called alike; of a thousand interactions it is about ten.
_ALIKE = 0.01


def headline(evaluation: Mapping) -> str | None:
    """Returns the main result, recall@10 against popularity, or `None` where it was not measured."""
    model = (evaluation.get("model") or {}).get("recall_at_10")
    baseline = (evaluation.get("popularity") or {}).get("recall_at_10")
    if not is_number(model):
        return None
    if not is_number(baseline):
        return f"Recall@10 is {percent(model)}."
    if baseline == 0:
        return f"Recall@10 is {percent(model)}; recommending by popularity finds nothing."
    verdict = "" if model > baseline else ": the model does not beat popularity"
    factor = f"{model / baseline:.2f} times that of popularity ({percent(baseline)})"
    return f"Recall@10 is {percent(model)}, {factor}{verdict}."


def question(evaluation: Mapping) -> str:
    """Returns what recall@10 was measured on, and what is one question."""
    interactions = f"{count(evaluation.get('num_interactions'))} held-out {evaluation.get('split', '')}".rstrip()
    repeats = evaluation.get("num_repeats_left_out")
    left_out = f" {count(repeats)} repeats of earlier choices were left out." if repeats else ""
    candidates = f"all {count(evaluation.get('num_candidates'))} candidates were ranked"
    if evaluation.get("ask_per") == "query":
        return (
            f"For each of {count(evaluation.get('num_queries'))} queries, {candidates} once, without those it had "
            f"chosen in earlier splits, and held against what it chose in {interactions} interactions.{left_out}"
        )
    return (
        f"For each of {interactions} interactions, {candidates}, without those the query had chosen before.{left_out}"
    )


def trained_on_other_data(evaluation: Mapping, names: Mapping[str, str]) -> str | None:
    """Returns which models may have been fitted on what is asked, or `None` if none was trained on other data.

    Args:
      evaluation: what `pipelines.evaluate` wrote.
      names: of the models for a reader, by their keys in the evaluation.
    """
    found = evaluation.get("trained_on_other_data")
    if not found:
        return None
    listed = " and ".join(names[each] for each in found)
    sentence = f"Trained on other data than this, so perhaps fitted on what is asked: {listed}."
    if "model" not in found:
        return sentence
    return f"{sentence} The frequency estimate counted another stream than this data, so its calibration is not shown."


def training_summary(training: Mapping, watched: str | None) -> str:
    """Returns how long was trained and which epoch was kept, and why."""
    history, best_epoch = training["history"], training.get("best_epoch")
    epochs = f"{len(history)} epoch{'s' if len(history) > 1 else ''}"
    took = f" in {duration(training['seconds'])}" if is_number(training.get("seconds")) else ""
    if not is_number(best_epoch):
        return f"Trained for {epochs}{took}."
    if not any(record.get("validation") for record in history):
        return f"Trained for {epochs}{took} without validation; the towers of epoch {best_epoch} were kept."
    why = f", which had the best validation {metric_names.in_a_sentence(watched)}" if watched else ""
    return f"Trained for {epochs}{took}; the towers of epoch {best_epoch} were kept{why}."


def popularity_bias(model: Sequence, popularity: Sequence | None, targets: Sequence) -> str | None:
    """Returns how the model's share of the most popular tenth compares with the held-out truth.

    Args:
      model: shares of what the model recommends, most popular tenth first.
      popularity: the same of the baseline, or `None`.
      targets: the same of the held-out interactions.
    """
    if not is_number(model[0]) or not is_number(targets[0]):
        return None
    lean = model[0] - targets[0]
    if abs(lean) < _ALIKE:
        verdict = "about as much as queries themselves do"
    else:
        verdict = f"{'more' if lean > 0 else 'less'} than queries themselves do"
    baseline = f" Recommending by popularity puts {percent(popularity[0])} there." if popularity else ""
    return (
        f"The model favors popular candidates {verdict}: {percent(model[0])} of its recommendations are from the most "
        f"popular tenth of the corpus, and {percent(targets[0])} of the held-out interactions.{baseline}"
    )


def correction(evaluation: Mapping, names: Sequence[str]) -> str:
    """Returns what the first of two models gains over the second, on which split, and how sure that is."""
    ours, theirs = (evaluation[name]["recall_at_10"] for name in ("model", "other_model"))
    difference = evaluation["differences"]["other_model"]["recall_at_10"]
    return (
        f"On {evaluation['split']}, recall@10 is {percent(ours)} with {names[0]} and {percent(theirs)} with "
        f"{names[1]}: a difference of {interval(difference['low'], difference['high'], 3)} with 95% confidence, p "
        f"{_equals(p_value(difference['p_value']))}."
    )


def _equals(written: str) -> str:
    return written if written.startswith("<") else f"= {written}"


def serving_summary(serving: Mapping) -> str | None:
    """Returns how fast the server answered over both protocols, and whether they agree."""
    times = [
        f"{name} in {milliseconds(serving[key])}"
        for name, key in (("REST", "rest_milliseconds"), ("gRPC", "grpc_milliseconds"))
        if is_number(serving.get(key))
    ]
    if not times:
        return None
    agreement = {True: "; both gave the same answer", False: "; the two answers differ"}
    return f"Answered over {' and over '.join(times)}{agreement.get(serving.get('rest_and_grpc_agree'), '')}."
