from __future__ import annotations

from pathlib import Path

import pytest
from check_tag import ROOT, VERSION_FILES, BadTagError, main, package_of


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """The packages on the day of a release: all have version 1.2.3, and a chapter about it."""
    for package, file in VERSION_FILES.items():
        folder = tmp_path / package
        (folder / file).parent.mkdir(parents=True)
        (folder / file).write_text('"""The version."""\n\n__version__ = "1.2.3"\n')
        (folder / "CHANGELOG.md").write_text(
            "# Changelog\n\n## Unreleased\n\n## 1.2.3 (2026-11-21)\n\n## 1.2.2 (2026-10-01)\n"
        )
    return tmp_path


@pytest.mark.parametrize("package", VERSION_FILES)
def test_a_tag_means_its_package(packages: Path, package: str) -> None:
    assert package_of(f"{package}-v1.2.3", packages) == package


@pytest.mark.parametrize(
    "tag", ["v1.2.3", "1.2.3", "wscore-v1.2.3", "ws-core", "ws-core-1.2.3", ""]
)
def test_a_tag_without_a_package_is_refused(packages: Path, tag: str) -> None:
    with pytest.raises(BadTagError, match="is no PACKAGE-vVERSION of ws-core, trio-websocket"):
        package_of(tag, packages)


@pytest.mark.parametrize("version", ["1.2.2", "1.2.4", "1.2.3rc1", "1.2", ""])
def test_another_version_than_the_package_has_is_refused(packages: Path, version: str) -> None:
    with pytest.raises(BadTagError, match=r"the version of ws-core is 1\.2\.3"):
        package_of(f"ws-core-v{version}", packages)


@pytest.mark.parametrize("chapter", ["Unreleased", "1.2.3", "1.2.3 (soon)", "11.2.3 (2026-11-21)"])
def test_a_version_without_a_dated_chapter_is_refused(packages: Path, chapter: str) -> None:
    (packages / "ws-tools" / "CHANGELOG.md").write_text(f"# Changelog\n\n## {chapter}\n")
    with pytest.raises(BadTagError, match=r"the changelog has no chapter '1\.2\.3 \(YYYY-MM-DD\)'"):
        package_of("ws-tools-v1.2.3", packages)


@pytest.mark.parametrize("package", VERSION_FILES)
def test_the_real_packages_have_their_versions_where_it_looks(package: str) -> None:
    with pytest.raises(BadTagError, match=rf"the version of {package} is \d+\.\d+\.\d+"):
        package_of(f"{package}-v0.0.0", ROOT / "packages")


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == 1
    assert "nonsense is no PACKAGE-vVERSION" in capsys.readouterr().err
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
