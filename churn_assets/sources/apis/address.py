"""The address of a REST service, and the secrets that go with a request."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from churn_assets.contracts.api import SourceApi
from churn_assets.contracts.channels import FROM_ENVIRONMENT, unsafe_address
from churn_assets.settings import without_secrets
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.secrets import with_secrets


@dataclass(frozen=True)
class ApiAddress:
    """A service to ask.

    Attributes:
        url: address and path, without parameters.
        shown: the same for messages.
        place: the same for the digest of the question, with the names of variables below the host: a secret that is
            renewed there asks nothing else.
        headers: of every request; they may hold secrets, as may all that follows.
        parameters: of the first page.
        login: parameters of every request.
        token: of OAuth 2: the address of tokens, and the form that is sent there.
    """

    url: str
    shown: str
    place: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    parameters: dict[str, str] = field(repr=False)
    login: dict[str, str] = field(repr=False)
    token: tuple[str, dict[str, str]] | None = field(default=None, repr=False)


def api_address(api: SourceApi, environ: Mapping[str, str]) -> ApiAddress:
    """Returns the service to ask; connects to nothing.

    Raises:
        ExtractError: a variable is not set, or the location is no address that may be used.
    """
    own = api.properties
    path = f"/{own.path.lstrip('/')}" if own.path else ""
    url = _usable(with_secrets(api.location, environ)[0]).rstrip("/") + path

    def told(values: Mapping[str, str]) -> dict[str, str]:
        return {name: with_secrets(value, environ, is_url=False)[0] for name, value in values.items()}

    headers = {"Accept": "application/json", "User-Agent": "churn-assets"} | told(own.headers)
    parameters, key, token = told(own.parameters), dict[str, str](), None
    if (login := own.authentication) is not None:
        given = told({key: value for key in login.KEYS[login.kind][0] if (value := getattr(login, key))})
        match login.kind:
            case "bearer":
                headers["Authorization"] = f"Bearer {given['token']}"
            case "basic":
                both = b64encode(f"{given['user']}:{given['password']}".encode()).decode()
                headers["Authorization"] = f"Basic {both}"
            case "key":
                (headers if login.where == "header" else key)[given["name"]] = given["key"]
            case "oauth2":
                form = {
                    "grant_type": "client_credentials",
                    "client_id": given["clientId"],
                    "client_secret": given["clientSecret"],
                } | ({"scope": login.scope} if login.scope else {})
                token = (_usable(given["tokenUrl"]), form)
    for name, value in headers.items():
        if not (name.isascii() and value.isascii() and value.isprintable()):
            raise ExtractError(
                f"The header {name} has a character that headers cannot hold. Correct the value of its variable."
            )
    shown, place = _shown(api.location, url, path), _place(api.location, url, path)
    return ApiAddress(url, shown, place, headers, parameters, key, token)


def _shown(location: str, url: str, path: str) -> str:
    """The address as the contract has it, since the values of variables may be secret; of one variable, its host."""
    if FROM_ENVIRONMENT.fullmatch(location):
        return f"{'://'.join(urlsplit(without_secrets(url))[:2])}{path}"
    return without_secrets(location.rstrip("/") + path)


def _place(location: str, url: str, path: str) -> str:
    """The host as it is, and the path as the contract has it; of one variable, its whole value."""
    if FROM_ENVIRONMENT.fullmatch(location):
        return url
    below = location.rstrip("/").partition("://")[2].partition("/")[2]
    return "://".join(urlsplit(url)[:2]) + (f"/{below}" if below else "") + path


def _usable(url: str) -> str:
    problem = "it is no address" if "://" not in url else (unsafe_address(url) or ("",))[0]
    if problem or "?" in url or "#" in url:
        raise ExtractError(
            f"The address of the service cannot be used: {problem or 'it has parameters'}. Write "
            "https://api.example.com, parameters under `parameters`, and a login under `authentication`."
        )
    return url
