"""The digits, prepared once."""

import pytest
from building import load


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A folder of data sets in which the digits are prepared; not to be changed."""
    folder = tmp_path_factory.mktemp("data")
    load("digits", dir=folder)
    return folder
