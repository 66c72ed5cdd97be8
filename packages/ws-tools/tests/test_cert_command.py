from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from ws_tools import main


def cert(*args: object) -> tuple[int, str]:
    """Run the command: its exit code and all that it says."""
    result = CliRunner().invoke(main, ["cert", *map(str, args)])
    return result.exit_code, result.output


def test_it_tells_what_it_made(tmp_path: Path) -> None:
    code, said = cert(tmp_path / "new")
    assert code == 0
    for name in ("ca.pem", "ca.key", "server.pem", "server.key"):
        assert str(tmp_path / "new" / name) in said
    assert "localhost, 127.0.0.1, ::1, 365 days" in said
    assert f"ws-tools client --ca {tmp_path}/new/ca.pem wss://localhost:8000" in said
    assert stat.S_IMODE((tmp_path / "new" / "server.key").stat().st_mode) == 0o600


def test_names_and_days(tmp_path: Path) -> None:
    options = ("--name", "::1", "--name", "b.test", "--days", 7)
    code, said = cert(tmp_path, *options)
    assert code == 0
    assert "::1, b.test, 7 days" in said
    assert "wss://[::1]:8000" in said


def test_force_replaces_the_servers_certificate(tmp_path: Path) -> None:
    cert(tmp_path)
    before = (tmp_path / "server.pem").read_bytes()
    code, said = cert(tmp_path)
    assert code == 1
    assert said == f"Error: there is {tmp_path}/server.pem already; --force replaces it\n"
    code, said = cert(tmp_path, "--force")
    assert code == 0
    assert (tmp_path / "server.pem").read_bytes() != before


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (("--name", "two\x1b words"), 1, r"'two\x1b words' not allowed"),
        (("--days", "0"), 2, "0 is not in the range"),
    ],
)
def test_what_can_not_be(
    tmp_path: Path, options: tuple[str, ...], code: int, complaint: str
) -> None:
    found, said = cert(tmp_path, *options)
    assert found == code
    assert complaint in said


def test_a_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, said = cert(tmp_path / "file" / "folder")
    assert code == 1
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
