"""Errors of a download: a message for each, and whether another attempt may succeed."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException, InvalidURL
from urllib.error import HTTPError, URLError

from mbnas.errors import DownloadError

TIMEOUT_S = 30.0
"""How long to wait for data from a server."""

_BUSY = (408, 425, 429)  # temporary, as are all from 500


class TemporaryError(DownloadError):
    """A download failed, and another attempt may succeed."""


def download_error(url: str, error: Exception) -> DownloadError:
    """Return the error of a download with a message for the user.

    Args:
        url: The requested address.
        error: The exception of ``urllib`` or ``http``.
    """
    cause = error.reason if type(error) is URLError else error
    match cause:
        case HTTPError(code=404 | 410):
            return DownloadError(
                f"The server has no {url} (status {cause.code}). Correct the address, or take it "
                "from a mirror that has it."
            )
        case HTTPError():
            is_temporary = cause.code in _BUSY or cause.code >= 500
            return (TemporaryError if is_temporary else DownloadError)(
                f"The server refused {url} with status {cause.code} ({cause.reason}). "
                + ("Try again later." if is_temporary else "Ask its operators.")
            )
        case TimeoutError():
            return TemporaryError(
                f"The server of {url} did not answer within {TIMEOUT_S:g} s. Check the network."
            )
        case socket.gaierror():
            is_temporary = cause.errno == socket.EAI_AGAIN
            return (TemporaryError if is_temporary else DownloadError)(
                f"The server of {url} was not found by its name ({cause.strerror}). Check the "
                "network and the address."
            )
        case ssl.SSLCertVerificationError():
            return DownloadError(
                f"The certificate of {url} is not trusted ({cause.verify_message}). Install your "
                "institute's certificate, or name it in SSL_CERT_FILE."
            )
        case InvalidURL() | ValueError():
            return DownloadError(f"{url} is not an address ({cause}). Correct it.")
        case OSError():
            return TemporaryError(
                f"{url} cannot be fetched: {cause.strerror or cause}. Check the network."
            )
        case HTTPException():
            return TemporaryError(f"The connection to {url} was cut ({cause}). Check the network.")
        case _:
            return DownloadError(f"{url} cannot be fetched: {cause}. Correct the address.")
