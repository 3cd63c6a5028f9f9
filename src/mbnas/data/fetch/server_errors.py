"""What goes wrong between here and a server: one sentence each, and whether it may pass."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException, InvalidURL
from urllib.error import HTTPError, URLError

from mbnas.errors import DownloadError

TIMEOUT_S = 30.0
"""How long a server may be silent."""

_BUSY = (408, 425, 429)  # as all from 500, these may pass


class PassingError(DownloadError):
    """What another attempt may not meet."""


def in_words(url: str, error: Exception) -> DownloadError:
    """Return what went wrong as a sentence.

    Args:
        url: What was asked for.
        error: What ``urllib`` or ``http`` raised.
    """
    cause = error.reason if type(error) is URLError else error
    match cause:
        case HTTPError(code=404 | 410):
            return DownloadError(
                f"The server has no {url} (status {cause.code}). Correct the address, or take it "
                "from a mirror that has it."
            )
        case HTTPError():
            passes = cause.code in _BUSY or cause.code >= 500
            return (PassingError if passes else DownloadError)(
                f"The server refused {url} with status {cause.code} ({cause.reason}). "
                + ("Try again later." if passes else "Ask those who run it.")
            )
        case TimeoutError():
            return PassingError(
                f"The server of {url} did not answer within {TIMEOUT_S:g} s. Check the network."
            )
        case socket.gaierror():
            passes = cause.errno == socket.EAI_AGAIN
            return (PassingError if passes else DownloadError)(
                f"The server of {url} was not found by its name ({cause.strerror}). Check the "
                "network and the address."
            )
        case ssl.SSLCertVerificationError():
            return DownloadError(
                f"The certificate of {url} is not trusted ({cause.verify_message}). Install your "
                "institute's certificate, or name it in SSL_CERT_FILE."
            )
        case InvalidURL() | ValueError():
            return DownloadError(f"{url} is no address ({cause}). Correct it.")
        case OSError():
            return PassingError(
                f"{url} cannot be fetched: {cause.strerror or cause}. Check the network."
            )
        case HTTPException():
            return PassingError(f"The connection to {url} was cut ({cause}). Check the network.")
        case _:
            return DownloadError(f"{url} cannot be fetched: {cause}. Correct the address.")
