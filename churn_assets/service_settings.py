"""Settings of what people and programs reach over the network: the HTTP service and the page of the retention team."""

import re
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

Role = Literal["viewer", "agent", "manager", "steward"]  # of a reader of the page
ROLES: tuple[Role, ...] = get_args(Role)  # each may do what those before it may do


class ApiSettings(BaseSettings):
    """The HTTP service. Every field is an environment variable, e.g. `CHURN_API_PORT`."""

    model_config = SettingsConfigDict(env_prefix="CHURN_API_", env_ignore_empty=True, frozen=True)

    host: str = Field(
        "127.0.0.1", description="Address to bind to; others than loopback need a key or an issuer."
    )
    port: int = Field(8000, ge=0, le=65535, description="Port; 0 takes a free one.")
    workers: int = Field(2, ge=1, le=64, description="Processes that answer.")
    tls_certificate: Path | None = Field(
        None, description="Certificate chain as PEM; with it the service speaks TLS."
    )
    tls_key: Path | None = Field(None, description="Its private key as PEM.")
    tls_key_password: SecretStr | None = Field(None, description="Password of the private key.")
    issuer: str | None = Field(
        None, description="OpenID Connect issuer whose tokens are accepted, an https address."
    )
    audience: str | None = Field(None, description="Audience that a token must name.")
    requests_per_minute: int = Field(
        6000, ge=1, description="Requests of one key; a sixth of them may come at once."
    )
    body_kib: int = Field(4096, ge=1, description="Largest body of a request, in KiB.")
    rows: int = Field(5000, ge=1, description="Most rows of one call that scores.")
    seconds: float = Field(
        10, gt=0, description="Longest time of one call, the reception of its body included."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("CHURN_API_TLS_CERTIFICATE and CHURN_API_TLS_KEY go together; set both or none")
        if (self.issuer is None) != (self.audience is None):
            raise ValueError("CHURN_API_ISSUER and CHURN_API_AUDIENCE go together; set both or none")
        if self.issuer and not re.match(r"https://|http://(localhost|127\.0\.0\.1)[:/]", self.issuer):
            raise ValueError("CHURN_API_ISSUER must begin with https://, so that nobody can replace its keys")
        return self


class AppSettings(BaseSettings):
    """The page of the retention team. Every field is an environment variable, e.g. `CHURN_APP_PORT`."""

    model_config = SettingsConfigDict(env_prefix="CHURN_APP_", env_ignore_empty=True, frozen=True)

    host: str = Field(
        "127.0.0.1",
        description="Address to bind to; others than loopback need a key with a role, or a login.",
    )
    port: int = Field(8501, ge=0, le=65535, description="Port; 0 takes a free one.")
    role: Role = Field(
        "viewer",
        description="What everybody on this machine may do while there are neither keys with a role nor a login.",
    )
    tls_certificate: Path | None = Field(
        None, description="Certificate chain as PEM; with it the page speaks TLS."
    )
    tls_key: Path | None = Field(None, description="Its private key as PEM.")
    issuer: str | None = Field(
        None, description="OpenID Connect provider whose people may log in, an https address."
    )
    client_id: str | None = Field(None, description="Name of the page at the provider.")
    client_secret: SecretStr | None = Field(None, description="Secret of the page at the provider.")
    address: str | None = Field(
        None,
        description="Address of the page as people type it, such as https://churn.example.com, for personal links; the "
        "provider of a login leads back to /oauth2callback there.",
    )
    groups: dict[str, Role] = Field(
        {},
        description='Groups of the provider and their roles as JSON: {"retention": "agent"}. Of several, the highest '
        "counts; without any, the page stays closed.",
    )
    groups_claim: str = Field("groups", description="Claim of the provider's token that lists the groups.")
    owner_claim: str = Field(
        "email", description="Claim that names the person as the account-owner column does."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("CHURN_APP_TLS_CERTIFICATE and CHURN_APP_TLS_KEY go together; set both or none")
        login = {
            "CHURN_APP_ISSUER": self.issuer,
            "CHURN_APP_CLIENT_ID": self.client_id,
            "CHURN_APP_CLIENT_SECRET": self.client_secret,
        }
        whole = login | {"CHURN_APP_ADDRESS": self.address}  # which also serves personal links alone
        missing = [name for name, value in whole.items() if value is None]
        if any(value is not None for value in login.values()) and missing:
            raise ValueError(f"A login needs {', '.join(whole)}; {', '.join(missing)} is not set")
        if self.address and not re.match(r"https?://[^/]", self.address):
            raise ValueError("CHURN_APP_ADDRESS must begin with https:// or http://")
        if self.issuer and not self.groups:
            raise ValueError('A login needs CHURN_APP_GROUPS, such as {"retention": "agent"}')
        if self.issuer and not re.match(r"https://|http://(localhost|127\.0\.0\.1)[:/]", self.issuer):
            raise ValueError("CHURN_APP_ISSUER must begin with https://, so that nobody can replace its keys")
        return self
