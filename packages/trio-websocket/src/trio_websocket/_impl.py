"""Names that programs import from here for historical reasons; nothing of ours lives here."""

from . import *  # noqa: F403 - all public names
from ._client import _url_to_host as _url_to_host
from ._exceptions import TrioWebsocketInternalError as TrioWebsocketInternalError
from ._settings import CONN_TIMEOUT as CONN_TIMEOUT
from ._settings import MAX_MESSAGE_SIZE as MAX_MESSAGE_SIZE
from ._settings import MESSAGE_QUEUE_SIZE as MESSAGE_QUEUE_SIZE

RECEIVE_BYTES = 4 * 2**10  # what 0.12.2 read at a time
