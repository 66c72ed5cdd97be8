from pytest_trio.enable_trio_mode import *  # noqa: F403 - that is how pytest-trio is switched on
