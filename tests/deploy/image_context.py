"""Which files of the tree `.dockerignore` lets into an image; by the rules of the Dockerfile reference."""

import pathlib
import re


def is_in_context(path: str, rules: str) -> bool:
    """Whether a file reaches the build: the last rule that matches it or a folder above it decides.

    Args:
      path: of the file, from the root.
      rules: the text of `.dockerignore`.
    """
    above = [path, *(parent.as_posix() for parent in pathlib.PurePosixPath(path).parents if parent.name)]
    is_in = True
    for line in rules.splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern = _pattern(rule.removeprefix("!").strip("/"))
        if any(pattern.fullmatch(each) for each in above):
            is_in = rule.startswith("!")
    return is_in


def _pattern(rule: str) -> re.Pattern[str]:
    """`*` stays within a folder, `**/` is any number of them."""
    parts = re.split(r"(\*\*/|\*)", rule)
    meanings = {"**/": "(?:.*/)?", "*": "[^/]*"}
    return re.compile("".join(meanings.get(part, re.escape(part)) for part in parts))
