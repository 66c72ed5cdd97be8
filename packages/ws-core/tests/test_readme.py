from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"
EXAMPLES = re.findall(
    r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_an_example_prints_is_what_it_says(
    example: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(example, str(README), "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"^print.*  # (.*)$", example, re.MULTILINE)
    assert len(printed) == len(promised) > 0
    for line, promise in zip(printed, promised, strict=True):
        assert re.fullmatch(re.escape(promise).replace(re.escape("..."), ".*"), line)
