"""``ws-tools cert``: certificates for development, in a folder."""

from __future__ import annotations

from pathlib import Path

import click

from ._certificates import LOCAL_NAMES, Certificates, make_certificates
from ._text import escape


@click.command()
@click.argument("folder", default="certificates", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help=f"A host name or IP address of the server. May be repeated.  "
    f"[default: {', '.join(LOCAL_NAMES)}]",
)
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=365,
    show_default=True,
    help="How long the server's certificate is valid.",
)
@click.option("--force", is_flag=True, help="Replace a server's certificate that is there.")
def cert(folder: Path, names: tuple[str, ...], days: int, force: bool) -> None:
    """Make a certificate authority and a server's certificate, for development.

    They are put into FOLDER ("certificates" by default) as ca.pem, ca.key, server.pem and
    server.key. An authority that is there signs again; it is never replaced.
    """
    try:
        files = make_certificates(folder, *names, days=days, overwrite=force)
    except FileExistsError as error:
        raise click.ClickException(f"{escape(str(error))}; --force replaces it") from error
    except (OSError, ValueError) as error:
        raise click.ClickException(escape(str(error))) from error
    _describe(files, names or LOCAL_NAMES, days)


def _describe(files: Certificates, names: tuple[str, ...], days: int) -> None:
    rows = (
        (files.ca, "the authority: clients are to trust it"),
        (files.ca_key, "its private key: keep it to yourself"),
        (files.server, f"the server's certificate for {', '.join(names)}, {days} days"),
        (files.server_key, "its private key: for the server alone"),
    )
    width = max(len(str(file)) for file, _ in rows)
    for file, what in rows:
        click.echo(f"{click.style(str(file).ljust(width), bold=True)}  {what}")
    click.echo("\nTo try them:\n")
    click.echo(f"  ws-tools server --cert {files.server} --key {files.server_key}")
    click.echo(f"  ws-tools client --ca {files.ca} wss://{_in_url(names[0])}:8000")


def _in_url(name: str) -> str:
    return f"[{name}]" if ":" in name else name
