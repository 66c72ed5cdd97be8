"""WebSocket tools for people: a command line, certificates for development, a heartbeat."""

from ._certificates import Certificates, make_certificates
from ._heartbeat import heartbeat
from ._main import main
from ._version import __version__

__all__ = ["Certificates", "__version__", "heartbeat", "main", "make_certificates"]
