"""The section `channels` of churn.yaml: where incidents and alerts are told."""

import re
from typing import Annotated, Literal

from pydantic import Field

from churn_assets.contracts.place import Place
from churn_assets.contracts.section import Distinct, Name, Section
from churn_assets.contracts.validation import peek

Kind = Literal["webhook", "email", "slack", "teams", "folder"]
Topic = Literal["incidents", "alerts"]
FROM_ENVIRONMENT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SECRET = ("secret", "password")  # keys whose value may only come from the environment
NEEDS: dict[str, tuple[str, ...]] = {
    "webhook": ("url", "secret"),
    "email": ("host", "sender", "recipients"),
    "slack": ("url",),
    "teams": ("url",),
    "folder": ("folder",),
}
MAY: dict[str, tuple[str, ...]] = {"email": ("port", "security", "username", "password", "digest_hour")}
COMMON = frozenset({"name", "kind", "topics", "personal", "patience_minutes"})
LOCAL = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(/|$)")


class ChannelLine(Section):
    """One item under `channels`."""

    name: Name = Field(description="what the channel is called; small letters, digits and `_`")
    kind: Kind = Field(
        description="`webhook` (signed JSON, Standard Webhooks), `email` (SMTP), `slack` (incoming webhook), `teams` "
        "(webhook of a workflow), `folder` (CSV files)"
    )
    topics: Annotated[list[Topic], Distinct] = Field(
        ["incidents", "alerts"], min_length=1, description="what is told here"
    )
    personal: bool = Field(
        False,
        description="whether messages here may hold personal data; without it only the customer key and a link",
    )
    patience_minutes: int = Field(
        10,
        ge=1,
        description="minutes that the channel may fail before an incident is opened and told elsewhere",
    )
    url: str | None = Field(
        None,
        description="of a webhook: an address that begins with `https://`, or `${NAME}` of an environment variable; of "
        "`slack` and `teams` always `${NAME}`, because whoever knows the address can post there",
    )
    secret: str | None = Field(
        None, description="of a webhook: `${NAME}` of the variable with the signing secret, `whsec_...`"
    )
    host: str | None = Field(None, description="of `email`: the SMTP server")
    port: int | None = Field(
        None, ge=1, le=65535, description="its port; default: 587, or 465 if `security` is `tls`"
    )
    security: Literal["starttls", "tls"] = Field(
        "starttls", description="TLS after the greeting (`starttls`) or from the start (`tls`)"
    )
    username: str | None = Field(None, description="whom to log in as; default: no login")
    password: str | None = Field(None, description="`${NAME}` of the variable with the password")
    sender: str | None = Field(None, description="the address that mails come from")
    recipients: Annotated[list[str], Distinct] = Field([], description="the addresses that mails go to")
    digest_hour: int = Field(
        6,
        ge=0,
        le=23,
        description="hour (UTC) from which the day's digest of each rule is sent; what is urgent does not wait",
    )
    folder: str | None = Field(
        None,
        description="of `folder`: where CSV files are written, absolute or below `<home>/messages`",
    )

    def check(self, place: Place) -> None:
        """Checks that the keys fit the kind, and that secrets come from the environment."""
        needed, may = NEEDS[self.kind], MAY.get(self.kind, ())
        for key in needed:
            if not getattr(self, key):
                place.refuse(f"a channel of the kind {self.kind} needs the key {key}", f"add {key}")
        for key in sorted(self.model_fields_set - COMMON - {*needed, *may}):
            place.at(key).refuse(f"a channel of the kind {self.kind} has no {key}", "remove it")
        if bool(self.username) != bool(self.password) and self.kind == "email":
            place.refuse("a login needs both username and password", "add the other, or remove both")
        self._check_secrets(place)

    def _check_secrets(self, place: Place) -> None:
        secret = [*SECRET, *(["url"] if self.kind in ("slack", "teams") else [])]
        for key in secret:
            written = getattr(self, key)
            if written and not FROM_ENVIRONMENT.fullmatch(written):
                place.at(key).refuse(
                    "a secret does not stand in a file",
                    "write ${NAME}, and set the environment variable NAME",
                )
        plain = self.url if "url" not in secret else None
        if plain and not FROM_ENVIRONMENT.fullmatch(plain) and (told := unsafe_address(plain)):
            place.at("url").refuse(*told)


def unsafe_address(url: str) -> tuple[str, str] | None:
    """Returns what is wrong with the address of a webhook, and the remedy; None if it may be used."""
    if not url.startswith("https://") and not LOCAL.match(url):
        return "messages would go unencrypted", "begin the address with https://"
    if "@" in url.partition("://")[2].partition("/")[0]:
        return "the address holds a password", "write ${NAME}, and set the environment variable NAME"
    return None


def check_channels(place: Place) -> None:
    """Checks each channel by itself, and that no two have one name."""
    names: set[str] = set()
    for item in place.items():
        line = peek(ChannelLine, item)
        if line is None:
            continue
        if line.name in names:
            item.at("name").refuse(f"two channels are called {line.name}", "give each a name of its own")
        names.add(line.name)
        line.check(item)
