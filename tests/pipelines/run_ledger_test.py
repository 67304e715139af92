import dataclasses
import json

import pytest

from pipelines import run_ledger

_ENTRY = run_ledger.Entry(
    run_id="4f2a",
    date="2026-11-01",
    stage="publish",
    outcome="done",
    started_utc="2026-11-01T04:00:00Z",
    seconds=1.5,
    data_sha256="a" * 64,
    model_stamp="b" * 64,
    version=7,
    figures={"recall_at_10": 0.25},
)


def test_entries_come_back_in_their_order(tmp_path):
    ledger = run_ledger.RunLedger(tmp_path / "ledger.jsonl")
    refused = dataclasses.replace(_ENTRY, outcome="refused", version=None, sentence="Too few rows: 3.")
    for entry in (_ENTRY, refused):
        ledger.append(entry)
    assert run_ledger.RunLedger(ledger.path).entries() == [_ENTRY, refused]


def test_a_line_says_what_ran_on_which_data_and_which_version_came_out(tmp_path):
    ledger = run_ledger.RunLedger(tmp_path / "ledger.jsonl")
    ledger.append(_ENTRY)
    line = json.loads(ledger.path.read_text())
    assert (line["stage"], line["data_sha256"], line["version"]) == ("publish", "a" * 64, 7)


def test_a_ledger_that_does_not_exist_has_no_entries(tmp_path):
    assert run_ledger.RunLedger(tmp_path / "ledger.jsonl").entries() == []


def test_a_kill_in_the_middle_of_an_entry_leaves_those_before_it(tmp_path):
    ledger = run_ledger.RunLedger(tmp_path / "ledger.jsonl")
    ledger.append(_ENTRY)
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + whole[:40])
    assert ledger.entries() == [_ENTRY]
    ledger.append(_ENTRY)
    assert ledger.path.read_bytes() == whole * 2


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"run_id": " "}, "run_id must be text that is not empty"),
        ({"date": "20261101"}, "date must be YYYY-MM-DD or null, but is '20261101'"),
        ({"date": "2026-13-01"}, "date must be"),
        ({"outcome": "ok"}, "outcome must be one of begun, done, kept"),
        ({"started_utc": "2026-11-01"}, "started_utc must be such as"),
        ({"seconds": -1.0}, "seconds must be at least 0"),
        ({"seconds": float("nan")}, "seconds must be at least 0"),
        ({"version": 0}, "version must be a whole number from 1 on, or null, but is 0"),
        ({"version": True}, "version must be"),
        ({"sentence": ""}, "sentence must be text that is not empty, or null"),
        ({"figures": [1]}, "figures must be an object"),
    ],
)
def test_an_entry_that_breaks_a_rule_is_refused(changes, sentence):
    with pytest.raises(run_ledger.LedgerError, match=sentence):
        dataclasses.replace(_ENTRY, **changes)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda raw: raw.update(version="7"), r"entry 2: An entry's version must be .* Take that line out"),
        (lambda raw: raw.pop("stage"), "entry 2: An entry must say its stage, .* or move the file aside"),
    ],
)
def test_a_line_that_is_no_entry_is_refused_by_number(tmp_path, change, sentence):
    ledger = run_ledger.RunLedger(tmp_path / "ledger.jsonl")
    ledger.append(_ENTRY)
    raw = json.loads(ledger.path.read_text())
    change(raw)
    with ledger.path.open("a") as file:
        file.write(json.dumps(raw) + "\n")
    with pytest.raises(run_ledger.LedgerError, match=sentence):
        ledger.entries()


def test_a_line_of_a_later_or_an_earlier_version_is_read_for_what_it_says(tmp_path, caplog):
    ledger = run_ledger.RunLedger(tmp_path / "ledger.jsonl")
    raw = dataclasses.asdict(_ENTRY)
    later = {**raw, "colour": "red"}
    earlier = {name: value for name, value in raw.items() if name not in ("version", "figures")}
    ledger.path.write_text("".join(f"{json.dumps(each)}\n" for each in (later, earlier)))
    assert ledger.entries() == [_ENTRY, dataclasses.replace(_ENTRY, version=None, figures={})]
    assert "fields of another version are not read: colour" in caplog.text


def test_a_moment_and_a_run_id_are_what_an_entry_takes():
    entry = dataclasses.replace(_ENTRY, run_id=run_ledger.new_run_id(), started_utc=run_ledger.utc_now())
    assert entry.run_id != run_ledger.new_run_id()
