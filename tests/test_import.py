import subprocess
import sys

import pytest

import hybridfer

HEAVY = ("torch", "xgboost", "matplotlib", "sklearn", "skorch", "scipy", "pandas", "h5py", "cv2", "numpy")


def test_importing_the_package_loads_nothing_heavy():
    program = f"import hybridfer, sys; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_reading_a_store_needs_no_torch():
    program = "from hybridfer import FeatureStore; import sys; print('torch' in sys.modules, 'xgboost' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False False"


@pytest.mark.parametrize("name", hybridfer.__all__)
def test_every_public_name_can_be_imported(name):
    public = getattr(hybridfer, name)
    assert public.__name__ == name
    assert public.__doc__


def test_public_names_are_listed():
    assert set(hybridfer.__all__) <= set(dir(hybridfer))
    assert hybridfer.__all__ == sorted(hybridfer.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Featurizer'"):
        _ = hybridfer.Featurizer
    assert not hasattr(hybridfer, "Featurizer")
