"""The command ``ws-tools``: one room of this package for each of its commands."""

from __future__ import annotations

import os

import click

from ._cert import cert
from ._client import client
from ._server import server
from ._version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ws-tools")
@click.pass_context
def main(context: click.Context) -> None:
    """WebSocket tools: a client, a server, and certificates to try them with."""
    if os.environ.get("NO_COLOR"):  # https://no-color.org
        context.color = False


for command in (cert, client, server):
    main.add_command(command)
