"""Tokens of an identity provider: JWTs that the issuer of the settings has signed for the audience of the settings."""

import json
import time
from functools import cached_property
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import jwt

from churn_assets.access.keys import SCOPES
from churn_assets.api.problems import SOON, ApiProblem
from churn_assets.service_settings import ApiSettings

if TYPE_CHECKING:
    from jwt.types import Options

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
REQUIRED: "Options" = {"require": ["exp", "iss", "aud", "sub"]}
PATIENCE = 5  # seconds for the issuer
AGAIN = 5  # seconds until it is asked again after it failed
KEPT = 300  # seconds that its keys are kept
LEEWAY = 30  # seconds that clocks may differ


class Issuer:
    """Checks the tokens of an issuer."""

    def __init__(self, settings: ApiSettings) -> None:
        self._issuer, self._audience = str(settings.issuer).rstrip("/"), settings.audience
        self._away_until = 0.0

    def subject_and_scopes(self, token: str) -> tuple[str, frozenset[str]] | None:
        """Who a valid token speaks for, and what they may do; None if it is not valid. Asks the issuer: blocks.

        Raises:
            ApiProblem: the issuer cannot be reached.
        """
        try:
            jwt.get_unverified_header(token)  # what is no token does not reach the issuer
            key = self._key_of(token)
            claims: dict[str, Any] = jwt.decode(
                token, key, ALGORITHMS, REQUIRED, audience=self._audience, issuer=self._issuers, leeway=LEEWAY
            )
        except jwt.PyJWTError:
            return None
        given = claims.get("scope") or claims.get("scp") or ""
        words = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
        return str(claims["sub"]), frozenset(map(str, words)) & set(SCOPES)

    def _key_of(self, token: str) -> Any:
        if time.monotonic() >= self._away_until:
            try:
                return self._keys.get_signing_key_from_jwt(token).key
            except (jwt.PyJWKClientConnectionError, OSError, HTTPException, ValueError, KeyError, TypeError):
                self._away_until = time.monotonic() + AGAIN
        raise ApiProblem(503, "The identity provider cannot be reached; try again.", SOON)

    @property
    def _issuers(self) -> list[str]:
        """With and without a slash at the end, which providers write as they like."""
        return [self._issuer, f"{self._issuer}/"]

    @cached_property
    def _keys(self) -> jwt.PyJWKClient:
        with urlopen(f"{self._issuer}/.well-known/openid-configuration", timeout=PATIENCE) as answer:  # noqa: S310
            place = json.load(answer)["jwks_uri"]
        return jwt.PyJWKClient(place, cache_keys=False, lifespan=KEPT, timeout=PATIENCE)
