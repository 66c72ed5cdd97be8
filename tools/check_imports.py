"""Holds the packages to who may import what.

- What a package must not know, it does not import (`FORBIDDEN`).
- Across packages imports go through the door: `from ws_core import Connection`, never
  `ws_core._connection`.
- Inside a package imports are relative.
- No import cycles. What stands under `if TYPE_CHECKING:` is never run, so it makes none.

Run from anywhere: `python tools/check_imports.py`.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent

FORBIDDEN = {
    "ws_core": {"trio", "ssl", "socket", "time", "logging", "trio_websocket", "ws_tools"},
    "trio_websocket": {"wsproto", "h11", "ws_tools"},
    "ws_tools": {"wsproto", "h11"},
}


@dataclass(frozen=True)
class Module:
    """A source file: its dotted name, its path, its text."""

    name: str
    path: Path
    text: str

    @property
    def package(self) -> str:
        """The top-level package that the module belongs to."""
        return self.name.partition(".")[0]

    def resolve(self, level: int, target: str | None) -> str:
        """The absolute name of what `from <level dots><target>` means in this module."""
        parts = self.name.split(".")
        if self.path.name == "__init__.py":
            level -= 1
        base = parts[: len(parts) - level]
        return ".".join([*base, target] if target else base)


@dataclass(frozen=True)
class Import:
    """One imported name: `module` and, with `from module import name`, the `name`."""

    module: str
    name: str | None
    line: int
    relative: bool
    typing_only: bool

    @property
    def package(self) -> str:
        """The top-level package that is imported from."""
        return self.module.partition(".")[0]

    @property
    def private(self) -> bool:
        """Whether it reaches past the door of a package."""
        name = self.name or ""
        return "." in self.module or (name.startswith("_") and name != "__version__")


Tree: TypeAlias = "dict[str, Module]"


def read(sources: Path) -> Tree:
    """The modules below `sources`, by name. `sources` holds the packages' folders."""
    modules = {}
    for path in sorted(sources.glob("*/src/**/*.py")):
        parts = path.relative_to(sources).with_suffix("").parts[2:]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules[name] = Module(name, path, path.read_text(encoding="utf-8"))
    return modules


def imports(module: Module) -> Iterator[Import]:
    """All imports of `module`, also those inside functions."""
    tree = ast.parse(module.text, module.path)
    guarded = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        typing_only = node in guarded
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, None, node.lineno, False, typing_only)
        elif isinstance(node, ast.ImportFrom):
            source = module.resolve(node.level, node.module) if node.level else node.module or ""
            for alias in node.names:
                yield Import(source, alias.name, node.lineno, node.level > 0, typing_only)


def faults_of(module: Module, tree: Tree) -> Iterator[str]:
    """The rules that single imports of `module` break."""
    ours = {name.partition(".")[0] for name in tree}
    for found in imports(module):
        place = f"{module.path.as_posix()}:{found.line}"
        if found.package in FORBIDDEN.get(module.package, ()):
            yield f"{place}: {module.package} must not import {found.package}"
        if found.package == module.package:
            if not found.relative:
                yield f"{place}: inside {module.package} imports are relative"
        elif found.package in ours and found.private:
            yield f"{place}: import from {found.package} itself, not from its rooms"


def cycles(tree: Tree) -> Iterator[str]:
    """The first import cycle, if there is one."""
    graph: dict[str, set[str]] = {name: set() for name in tree}
    for name, module in tree.items():
        for found in imports(module):
            room = f"{found.module}.{found.name}"
            target = room if room in tree else found.module
            if target in tree and not found.typing_only:
                graph[name].add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # graphlib names the imported one first.
        yield "import cycle: " + " imports ".join(reversed(error.args[1]))


def check(sources: Path) -> list[str]:
    """All broken rules below `sources`, one line each."""
    tree = read(sources)
    faults = [fault for module in tree.values() for fault in faults_of(module, tree)]
    return [*faults, *cycles(tree)]


def main() -> None:
    """Print what is wrong and exit with 1, or exit with 0."""
    faults = check(ROOT / "packages")
    for fault in faults:
        print(fault)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
