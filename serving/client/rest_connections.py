"""How the REST clients connect, and what their connections can fail of. Importing it loads httpcore.

httpcore is the engine of httpx, and enough: a client sends whole requests to one server. httpx itself has no way to
bound the time of a sync call, see `deadline_connections`.
"""

import base64
import dataclasses
import ssl
import urllib.parse
import urllib.request
from typing import Any

import httpcore

from serving import errors
from serving.client import deadline

# What httpcore raises; its classes have no base of their own, and errors of TLS pass through it.
FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    OSError,
)
# How httpcore and h11 say that the other side has hung up; all else that is wrong with an answer is what it says.
_HUNG_UP = ("disconnected", "closed connection")

# Idle connections are kept this long; as in httpx.
_KEEPALIVE_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Where a server is.

    Attributes:
      url: its address, without a slash at the end and without user and password.
      headers: what every request to it carries.
    """

    url: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, url: str) -> "Endpoint":
        """Reads an address such as `http://localhost:8501`; `user:password@` before the host are sent to it.

        Raises:
          InvalidArgumentError: if it is none.
        """
        parts = _parts(url)
        user, _, host = parts.netloc.rpartition("@")
        # httpcore would leave the brackets of an IPv6 address out.
        headers = [("Host", host)]
        if user:
            token = base64.b64encode(urllib.parse.unquote_to_bytes(user)).decode()
            headers.append(("Authorization", f"Basic {token}"))
        return cls(parts._replace(netloc=host).geturl().rstrip("/"), tuple(headers))

    def headers_for(self, body: bytes | None) -> list[tuple[str, str]]:
        """Returns the headers of a request."""
        return list(self.headers) if body is None else [*self.headers, ("Content-Type", "application/json")]

    def pool_options(self, use_proxies: bool, verify: bool | ssl.SSLContext) -> dict[str, Any]:
        """Returns the arguments of a connection pool for this server, sync or async.

        Args:
          use_proxies: whether a proxy that the environment names for it is used.
          verify: what to believe of its certificate, see `httpx.create_ssl_context`.
        """
        options = {"max_connections": None, "keepalive_expiry": _KEEPALIVE_SECONDS, "retries": 0}
        if self.url.startswith("https:"):
            import httpx

            options["ssl_context"] = httpx.create_ssl_context(verify)
        proxy = _proxy(self.url) if use_proxies else None
        return options if proxy is None else {**options, "proxy": proxy}

    def error(self, failure: Exception, by: deadline.Deadline, is_closed: bool) -> errors.ServingError:
        """Returns what a failure means to the caller.

        Args:
          failure: one of `FAILURES`.
          by: when the call had to end.
          is_closed: whether the client was closed meanwhile.
        """
        if is_closed:
            return errors.CancelledError("The client was closed before there was an answer.")
        if isinstance(failure, httpcore.TimeoutException):
            return by.error(self.url)
        if isinstance(failure, httpcore.LocalProtocolError):
            return errors.InvalidArgumentError(f"The request to {self.url} cannot be sent over HTTP ({failure}).")
        if isinstance(failure, httpcore.RemoteProtocolError) and not any(text in str(failure) for text in _HUNG_UP):
            return errors.InternalError(f"{self.url} does not answer as an HTTP server does ({failure}).")
        return errors.UnavailableError(
            f"{self.url} cannot be reached ({failure}). Start the model server, or check the address."
        )


def _parts(url: str) -> urllib.parse.SplitResult:
    try:
        parts = urllib.parse.urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and url.isascii()
    except (ValueError, TypeError, AttributeError):
        is_address = False
    if not is_address or parts.query or parts.fragment or any(character.isspace() for character in url):
        raise errors.InvalidArgumentError(f"url must be like http://localhost:8501 or https://host, but is {url!r}.")
    return parts


def _proxy(url: str) -> httpcore.Proxy | None:
    parts = urllib.parse.urlsplit(url)
    proxies = urllib.request.getproxies()
    address = proxies.get(parts.scheme) or proxies.get("all")
    if address is None or urllib.request.proxy_bypass(parts.netloc):
        return None
    proxy = urllib.parse.urlsplit(address if "://" in address else f"http://{address}")
    login = tuple(urllib.parse.unquote(each or "") for each in (proxy.username, proxy.password))
    plain = proxy._replace(netloc=proxy.netloc.rpartition("@")[2]).geturl()
    return httpcore.Proxy(plain, login if proxy.username else None)
