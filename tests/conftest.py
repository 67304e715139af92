"""What every test finds, whichever others ran before it in its process."""

import pytest
from absl import logging


@pytest.fixture(autouse=True, scope="session")
def jobs_log_what_they_do():
    """A job raises the verbosity when its program starts; tests call jobs without a program."""
    logging.set_verbosity(logging.INFO)
