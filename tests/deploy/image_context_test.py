import pytest

from tests.deploy import image_context

_RULES = """
# Nothing but
*
!serving
!deploy
deploy/*
!deploy/config
**/__pycache__
"""


@pytest.mark.parametrize(
    ("path", "is_in"),
    [
        ("serving/server/main.py", True),
        ("serving/server/__pycache__/main.pyc", False),
        ("__pycache__/setup.pyc", False),
        ("deploy/config/models.config", True),
        ("deploy/compose.yaml", False),
        ("tests/conftest.py", False),
        (".git/config", False),
        ("setup.py", False),
    ],
)
def test_the_last_rule_that_matches_decides(path, is_in):
    assert image_context.is_in_context(path, _RULES) is is_in


def test_without_rules_everything_is_in():
    assert image_context.is_in_context("tests/conftest.py", "")
