"""``python -m ws_tools`` is the command ``ws-tools``."""

from ._main import main

if __name__ == "__main__":  # pragma: no branch
    main(prog_name="ws-tools")
