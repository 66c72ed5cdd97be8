from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import wstest
from wstest import WstestNotFoundError, find_wstest, suite_version

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")


def make_program(path: Path, body: str = "exit 0") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on its PATH but what the test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr(wstest, "INSTALLED", tmp_path / "installed")
    return tmp_path


@pytest.fixture
def installed(machine: Path) -> Path:
    """Where the suite was installed for a Python 2.7 before."""
    folder = machine / "installed"
    folder.mkdir()
    return folder


def test_the_named_program_comes_first(machine: Path) -> None:
    make_program(machine / "bin" / "wstest")
    named = make_program(machine / "elsewhere" / "wstest")
    assert find_wstest(named, machine) == [named]


def test_a_named_program_that_is_none_is_not_replaced(machine: Path) -> None:
    make_program(machine / "bin" / "wstest")
    with pytest.raises(WstestNotFoundError, match=r"--wstest: .*nowhere is not a program"):
        find_wstest(str(machine / "nowhere"), machine)


def test_the_path_comes_second(machine: Path, installed: Path) -> None:
    make_program(machine / "bin" / "python2.7")
    found = make_program(machine / "bin" / "wstest")
    assert find_wstest(None, machine) == [found]


def test_a_python_on_the_path_comes_third(machine: Path, installed: Path) -> None:
    make_program(machine / "bin" / "docker")
    make_program(machine / "pyenv" / "versions" / "2.7.18" / "bin" / "python2.7")
    python = make_program(machine / "bin" / "python2.7")
    command = find_wstest(None, machine)
    assert command[0] == python
    assert command[-1] == str(installed)


def test_a_python_of_pyenv_is_found_behind_a_shim_that_does_not_work(
    machine: Path, installed: Path
) -> None:
    make_program(machine / "bin" / "python2.7", "exit 127")
    python = make_program(machine / "pyenv" / "versions" / "2.7.18" / "bin" / "python2.7")
    assert find_wstest(None, machine)[0] == python


def test_the_suite_is_installed_once(machine: Path) -> None:
    # Says what pip was called with, and makes the folder as pip does.
    note = f'echo "$@" >> {machine / "calls"}'
    make_folder = 'while [ $# -gt 0 ]; do [ "$1" = --target ] && /bin/mkdir -p "$2"; shift; done'
    make_program(machine / "bin" / "python2.7", f"{note}; {make_folder}; exit 0")
    assert find_wstest(None, machine) == find_wstest(None, machine)
    calls = (machine / "calls").read_text().splitlines()
    assert [call for call in calls if f"--requirement {wstest.REQUIREMENTS}" in call] == [calls[1]]
    assert (machine / "installed").is_dir()


def test_a_failed_installation_leaves_nothing_to_be_found(machine: Path) -> None:
    make_program(machine / "bin" / "python2.7", 'case "$*" in *--version) exit 0;; esac; exit 1')
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            find_wstest(None, machine)
    assert not (machine / "installed").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="Docker has the host's network there alone")
def test_docker_comes_last(machine: Path) -> None:
    docker = make_program(machine / "bin" / "docker")
    command = find_wstest(None, machine)
    assert command[:2] == [docker, "run"]
    assert f"{machine}:{machine}" in command
    assert f"{os.getuid()}:{os.getgid()}" in command
    assert command[-2:] == [wstest.IMAGE, "wstest"]


def test_docker_without_an_engine_does_not_count(machine: Path) -> None:
    make_program(machine / "bin" / "docker", "exit 1")
    with pytest.raises(WstestNotFoundError):
        find_wstest(None, machine)


def test_when_nothing_is_there_it_says_what_to_install(machine: Path) -> None:
    with pytest.raises(WstestNotFoundError) as caught:
        find_wstest(None, machine)
    for word in ("wstest", "--wstest", "Python 2.7", "pyenv install", "Docker", wstest.IMAGE):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("log", "version"),
    [
        ("Autobahn Fuzzing WebSocket Client (Autobahn Testsuite Version 0.8.2 / Auto", "0.8.2"),
        ("Loading\nAutobahn WebSocket 25.10.1/0.10.9 Fuzzing Server (Port 9001)\n", "25.10.1"),
        ("Address already in use", ""),
    ],
)
def test_the_suite_says_its_version(log: str, version: str) -> None:
    assert suite_version(log) == version
