"""The folder of compiled kernels: missing, full, damaged; and a compiler that is turned off."""

import os
import pathlib
import subprocess
import sys

import pytest

import sparsemlp
from sparsemlp.kernels import cache

CODE = "import sparsemlp as sm; print(sm.MLP([4, 3, 2], density=0.5, seed=0).predict([[0.0, 1, 2, 3]]))"


def run(code=CODE, **options):
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(sparsemlp.__file__).parents[1]), **options.pop("env", {})}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, **options)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of files are those of POSIX")
def test_a_full_disk_under_the_cache(tmp_path):
    """A limit on the size of files gives the error of a full disk."""
    import resource
    import signal

    def full():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = run(env={"NUMBA_CACHE_DIR": str(tmp_path)}, preexec_fn=full)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("NUMBA_CACHE_DIR") == 1, done.stderr


def test_a_cache_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    done = run(env={"NUMBA_CACHE_DIR": str(tmp_path / "file")})
    assert done.returncode == 0 and "cannot be written to" in done.stderr, done.stderr


def test_damaged_files(tmp_path):
    """Index and code files empty, cut short or garbage: compiled anew, with one warning."""
    assert run(env={"NUMBA_CACHE_DIR": str(tmp_path)}).returncode == 0
    files = sorted(p for p in tmp_path.rglob("*.nb*"))
    assert files
    for k, path in enumerate(files):
        content = path.read_bytes()
        path.write_bytes((b"", content[: len(content) // 2], b"\x80garbage" * 20)[k % 3])
    done = run(env={"NUMBA_CACHE_DIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Set NUMBA_CACHE_DIR") <= 1, done.stderr


def test_without_a_compiler():
    done = run(env={"NUMBA_DISABLE_JIT": "1"})
    assert done.returncode == 1 and "NUMBA_DISABLE_JIT turns it off" in done.stderr


def test_where_nothing_else_can_be_written_to(tmp_path, monkeypatch):
    """A private folder among the temporary files; one that is not ours alone is never trusted."""
    config = cache.numba.config
    monkeypatch.setattr(config, "CACHE_DIR", "")
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    real = cache.writable
    monkeypatch.setattr(cache, "writable", lambda folder: tmp_path in pathlib.Path(folder).parents and real(folder))
    assert cache.place()
    (folder,) = tmp_path.iterdir()
    assert str(folder) == config.CACHE_DIR
    if hasattr(os, "getuid"):
        assert folder.stat().st_mode & 0o077 == 0
        folder.chmod(0o777)
        monkeypatch.setattr(config, "CACHE_DIR", "")
        monkeypatch.setattr(cache, "_warned", False)
        with pytest.warns(UserWarning, match="No folder for compiled kernels"):
            assert not cache.place()
