from pathlib import Path

from hybridfer.home import home


def test_the_environment_names_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDFER_HOME", str(tmp_path))
    assert home() == tmp_path
    monkeypatch.setenv("HYBRIDFER_HOME", "~/faces")
    assert home() == Path.home() / "faces"


def test_a_checkout_keeps_its_own(monkeypatch, tmp_path):
    monkeypatch.delenv("HYBRIDFER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("features/__init__.py", "hybridfer/home.py"):
        Path(name).parent.mkdir()
        Path(name).touch()
    assert home() == tmp_path / "features"


def test_elsewhere_it_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("HYBRIDFER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert home() == tmp_path / "cache" / "hybridfer"
    assert not (tmp_path / "cache").exists()
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert home() == Path.home() / ".cache" / "hybridfer"
