"""Builds the accelerator into the wheel, where that can be done.

Without a C compiler, on other Pythons than CPython, on free-threaded ones, and where the
environment variable `WS_CORE_PURE` is set to anything but `0`, the wheel has the Python form alone.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# accelerator.h keeps to the stable ABI of this version.
PYTHON_TAG, ABI_TAG = "cp311", "abi3"
PACKAGE = Path("src", "ws_core")
NAME = "_accelerator"
# Nothing of what they write depends on where and when: no debug symbols, which hold paths.
COMPILE = ["-O3", "-std=c11", "-g0", "-fvisibility=hidden"]
COMPILE_MSVC = ["/O2", "/Brepro"]
LINK_MSVC = ["/Brepro"]
WITHOUT = "ws-core is built without its accelerator: "


class CannotBuildError(Exception):
    """There is no compiler, or it failed."""


class AcceleratorHook(BuildHookInterface):  # type: ignore[type-arg]  # of the builder's configuration
    """Compiles accelerator/*.c: into the wheel, or beside the sources if it is editable."""

    _scratch: TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by Hatchling before it builds a wheel, "standard" or "editable"."""
        root = Path(self.root)
        unwanted = why_unwanted()
        if unwanted is not None:
            # What an editable build left beside the sources may serve another environment.
            self.app.display_info(f"{WITHOUT}{unwanted}")
            return
        self._scratch = TemporaryDirectory(prefix="accelerator-")
        try:
            module = compiled(root / "accelerator", Path(self._scratch.name))
        except CannotBuildError as reason:
            self.app.display_info(f"{WITHOUT}{reason}")
            if version == "editable":
                remove(root / PACKAGE)
            return
        if version == "editable":
            put(module, root / PACKAGE)
        else:
            build_data["force_include"][str(module)] = f"ws_core/{module.name}"
            build_data["pure_python"] = False
            build_data["tag"] = f"{PYTHON_TAG}-{ABI_TAG}-{platform_tag()}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - Hatchling's
        """Called by Hatchling when the wheel is there."""
        if self._scratch is not None:
            self._scratch.cleanup()


def why_unwanted() -> str | None:
    """Why the accelerator would not be used here, if so."""
    if os.environ.get("WS_CORE_PURE", "0") not in ("", "0"):
        return "WS_CORE_PURE is set"
    if sys.implementation.name != "cpython":
        return "this is not CPython"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "this Python is free-threaded, and has no stable ABI"
    return None


def compiled(sources: Path, folder: Path) -> Path:
    """Compile and link the accelerator; where in `folder` it is then.

    Raises:
        CannotBuildError: if that can't be done.
    """
    try:
        from setuptools import Distribution, Extension  # noqa: PLC0415 - where it is missing, too
        from setuptools.command.build_ext import build_ext  # noqa: PLC0415
        from setuptools.errors import BaseError, CCompilerError  # noqa: PLC0415
    except ImportError as error:
        raise CannotBuildError(error) from error

    class Build(build_ext):
        def build_extensions(self) -> None:
            msvc = self.compiler.compiler_type == "msvc"
            if not msvc:
                # Where this Python's own libraries are; the accelerator needs none of them.
                linker = self.compiler.linker_so
                linker[:] = [word for word in linker if not word.startswith("-Wl,-rpath")]
            for extension in self.extensions:
                extension.extra_compile_args = COMPILE_MSVC if msvc else COMPILE
                extension.extra_link_args = LINK_MSVC if msvc else []
            super().build_extensions()

    files = sorted(path.name for path in sources.glob("*.c"))
    extension = Extension(
        f"ws_core.{NAME}",
        files,
        define_macros=[("WS_CORE_SOURCES", fingerprint(sources))],
        py_limited_api=True,
    )
    build = Build(Distribution({"name": "ws-core", "ext_modules": [extension]}))
    build.build_lib = build.build_temp = str(folder)
    before = Path.cwd()
    os.chdir(sources)  # their names, relative, are what the compiler sees
    try:
        build.ensure_finalized()
        build.run()
    except (BaseError, CCompilerError, OSError) as error:
        raise CannotBuildError(error) from error
    finally:
        os.chdir(before)
    return Path(build.get_ext_fullpath(extension.name))


def fingerprint(sources: Path) -> str:
    """What tells these sources from others, as the name of a C macro may be."""
    digest = hashlib.sha256()
    for path in sorted(sources.glob("*.[ch]")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"sha256_{digest.hexdigest()}"


def platform_tag() -> str:
    """For which machines this Python compiles."""
    name = sysconfig.get_platform()
    if sys.maxsize < 2**32:  # its kernel may run the other ones as well
        name = {"linux-x86_64": "linux-i686", "linux-aarch64": "linux-armv7l"}.get(name, name)
    return name.replace("-", "_").replace(".", "_")


def put(module: Path, package: Path) -> None:
    """Put the module beside the Python sources, at once: several may do so at the same time."""
    target = package / module.name
    if target.is_file() and target.read_bytes() == module.read_bytes():
        return
    own = package / f"{NAME}.{os.getpid()}.new.so"  # which .gitignore knows
    try:
        own.write_bytes(module.read_bytes())
        own.replace(target)
    finally:
        own.unlink(missing_ok=True)


def remove(package: Path) -> None:
    """Remove the module of an earlier build: its sources may have changed."""
    for suffix in ("abi3.so", "pyd"):
        (package / f"{NAME}.{suffix}").unlink(missing_ok=True)
