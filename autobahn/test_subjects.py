from __future__ import annotations

import platform
from pathlib import Path

import pytest
from library import LIBRARIES
from subjects import OTHERS, OURS, SUBJECTS, Subject, Tls

import trio_websocket

TLS = Tls(Path("ca"), Path("certificate"), Path("key"))
HERE = Path(__file__).parent


def test_each_library_is_somebody() -> None:
    assert sorted(subject.library for subject in SUBJECTS.values()) == sorted(LIBRARIES)
    assert all((HERE / f"echo_{library}.py").exists() for library in LIBRARIES)


def test_peers_are_pinned_and_installed_apart() -> None:
    assert OURS.peer is None
    requirements = [subject.peer.requirements for subject in OTHERS if subject.peer]
    assert len(requirements) == len(OTHERS) == 3
    assert all("==" in one for of_peer in requirements for one in of_peer)


@pytest.mark.parametrize("tls", [None, TLS], ids=["plain", "TLS"])
def test_the_commands_say_what_to_speak(tls: Tls | None) -> None:
    library = ["--library", "ours"]
    server, client = OURS.server(tls), OURS.client("ws://there", tls, 7)
    assert server[1:] == [str(HERE / "server.py"), *library, "--port", "0", *server[6:]]
    assert server[6:] == (["--tls", "certificate", "key"] if tls else [])
    assert client[1:] == [
        str(HERE / "client.py"),
        *library,
        "ws://there",
        "--first",
        "7",
        *client[7:],
    ]
    assert client[7:] == (["--ca", "ca"] if tls else [])


def test_the_versions_are_those_that_run() -> None:
    versions = Subject("us", "us", OURS.library).versions()
    assert versions["trio-websocket"] == trio_websocket.__version__
    assert versions[platform.python_implementation()] == platform.python_version()
    assert {"trio", "wsproto", "zlib", "TLS"} <= versions.keys()
    assert "websockets" not in versions
