import json
import os
import subprocess
import sys

import pytest
import tensorflow as tf

from tfrs_model import text_ngrams

_LOCALE_SCRIPT = """
import json, sys
import tensorflow as tf
from tfrs_model import text_ngrams
text = tf.constant(json.loads(sys.argv[1]))
print("WORDS " + json.dumps([[each.decode() for each in row] for row in text_ngrams.words(text).to_list()]))
"""


def _ngrams(text, unit, sizes):
    found = text_ngrams.ngrams(tf.constant(text), unit, sizes)
    return [[each.decode() for each in row] for row in found.to_list()]


def _words(*text):
    return _ngrams(list(text), "word", [1])


def test_words_are_lower_cased_runs_of_letters_and_digits_of_any_script():
    assert _words("Hello, World-2!", "", " \t\n", "ÉCOLE d'été", "日本 東京") == [
        ["hello", "world", "2"],
        [],
        [],
        ["école", "d", "été"],
        ["日本", "東京"],
    ]
    # Marks belong to their letters, composed or not; the sigma at a word's end has a form of its own.
    assert _words("हिन्दी cafe\u0301", "ΟΔΟΣ") == [["हिन्दी", "cafe\u0301"], ["οδος"]]


def test_a_zero_byte_or_a_broken_one_ends_a_word_and_not_the_text():
    found = text_ngrams.words(tf.constant([b"A\x00B", b"A\xff\xfeB", b"\xff"]))
    assert found.to_list() == [[b"a", b"b"], [b"a", b"b"], []]


def test_word_ngrams_are_joined_by_a_space_and_absent_where_the_text_is_shorter():
    assert _ngrams(["The big Apple", "Apple"], "word", [1, 2]) == [
        ["the", "big", "apple", "the big", "big apple"],
        ["apple"],
    ]
    assert _ngrams(["Apple"], "word", [2]) == [[]]


def test_character_ngrams_stay_within_a_word_and_count_characters_not_bytes():
    assert _ngrams(["New Yörk", "ab", ""], "character", [3]) == [["new", "yör", "örk"], [], []]
    assert _ngrams(["ab c"], "character", [1, 2]) == [["a", "b", "ab", "c"]]


def test_an_empty_batch_has_no_ngrams():
    for unit in ("word", "character"):
        assert text_ngrams.ngrams(tf.zeros([0], tf.string), unit, [1, 2]).to_list() == []


def test_the_graph_makes_the_same_ngrams():
    graph = tf.function(
        lambda text: text_ngrams.ngrams(text, "character", [2]), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    assert graph(tf.constant(["Abc", ""])).to_list() == [[b"ab", b"bc"], []]


@pytest.mark.drill
@pytest.mark.parametrize("name", ["tr_TR.UTF-8", "lt_LT.UTF-8"])
def test_a_server_of_another_locale_lower_cases_alike(name):
    text = ["TITLE İI", "Ì Í Ĩ Į J"]
    environment = {**os.environ, "LC_ALL": name, "LANG": name, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(
        [sys.executable, "-c", "import tfrs_model\n" + _LOCALE_SCRIPT, json.dumps(text)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (line,) = [each for each in result.stdout.splitlines() if each.startswith("WORDS ")]
    assert json.loads(line.removeprefix("WORDS ")) == [["title", "i\u0307i"], ["ì", "í", "ĩ", "į", "j"]]
