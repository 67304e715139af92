"""From text to n-grams, in the graph, alike in training and on any server."""

from collections.abc import Sequence

import tensorflow as tf

# TensorFlow lower-cases by the locale of the process: where it is Turkish, the I of "TITLE" loses its dot. These are
# all the letters of which a locale has its own opinion, beside the ASCII ones; done first, nothing is left to differ.
_LOWER_CASE = {"İ": "i\u0307", "Ì": "ì", "Í": "í", "Ĩ": "ĩ", "Į": "į"}


def words(text: tf.Tensor) -> tf.RaggedTensor:
    """Returns the lower-cased words: runs of letters, with the marks on them, and of digits.

    "Hello, World-2!" has the words `hello`, `world`, `2`.

    Args:
      text: `[batch_size]` strings, UTF-8.

    Returns:
      `[batch_size, (num_words)]` strings.
    """
    # Broken bytes become a sign that is no letter. Lower-casing comes last, since it ends a text at a zero byte.
    sound = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
    spaced = tf.strings.lower(tf.strings.regex_replace(sound, r"[^\p{L}\p{M}\p{N}]+", " "))
    for upper, lower in _LOWER_CASE.items():
        spaced = tf.strings.regex_replace(spaced, upper, lower)
    return tf.strings.split(tf.strings.lower(spaced, encoding="utf-8"))


def ngrams(text: tf.Tensor, unit: str, sizes: Sequence[int]) -> tf.RaggedTensor:
    """Returns the n-grams of words, joined by a space, or those of the characters within each word.

    "new york" has the word n-grams of sizes 1 and 2 `new`, `york`, `new york`, and the character
    n-grams of size 3 `new`, `yor`, `ork`.

    Args:
      text: `[batch_size]` strings, UTF-8.
      unit: `word` or `character`.
      sizes: how many units make an n-gram; what is shorter has none of that size.

    Returns:
      `[batch_size, (num_ngrams)]` strings.
    """
    if unit == "word":
        return tf.strings.ngrams(words(text), tuple(sizes), separator=" ")
    characters = tf.strings.unicode_split(words(text), "UTF-8")
    return tf.strings.ngrams(characters, tuple(sizes), separator="").merge_dims(1, 2)
