import re

import pytest

from tests.serving.server.explorer import browser


@pytest.fixture(scope="module")
def chromium():
    with browser.running_chromium() as running:
        yield running


@pytest.fixture
def visit(chromium, request):
    """A page that may complain of nothing and asks nobody but its own server; `request.param` is its size."""
    with browser.visiting(chromium, getattr(request, "param", browser.DESKTOP)) as visit:
        yield visit
        origins = {re.match(r"\w+://[^/]+/|data:|\w+:", url)[0] for url in visit.requested}
        assert origins - {"data:"} == {visit.page.url.split("#")[0]}
        assert visit.complaints == []
