import json

import pytest

from hybridfer.errors import HybridferError, MissingExtraError, require


def test_an_installed_package_is_imported():
    assert require("json", extra="none") is json


def test_a_missing_package_names_the_extra_that_installs_it():
    with pytest.raises(MissingExtraError, match=r"no_such_package is needed.*pip install 'hybridfer\[faces\]'"):
        require("no_such_package.inner", extra="faces")
    assert issubclass(MissingExtraError, HybridferError)
    assert issubclass(MissingExtraError, ImportError)
