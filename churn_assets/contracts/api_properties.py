"""The customProperties of a server that is a REST service."""

from typing import ClassVar, Literal

from pydantic import Field

from churn_assets.contracts.custom_properties import CustomProperties

Keys = tuple[tuple[str, ...], tuple[str, ...]]  # those a kind needs, and those it may have


class PaginatorProperty(CustomProperties):
    """How one page leads to the next. Where the last page is not told, it is the first one without records."""

    kind: Literal["none", "page", "offset", "cursor", "link"] = Field(
        description="`page`: a parameter with the number of the page; `offset`: one with the number of records before; "
        "`cursor`: one with a value that the page before told; `link`: the address of the next page, in the header "
        "`Link` or in the answer; `none`: one answer holds all"
    )
    parameter: str | None = Field(
        None, description="the query parameter of the page number, the offset or the cursor"
    )
    sizeParameter: str | None = Field(None, description="the query parameter of the size of a page")
    size: int | None = Field(None, ge=1, description="how many records a page may have")
    first: int = Field(1, ge=0, description="of `page`: the number of the first page")
    next: str | None = Field(
        None,
        description="of `cursor` and `link`: where the answer tells the next cursor or address: meta.next",
    )
    lastRecord: str | None = Field(
        None, description="of `cursor`: the member of the last record that is the next cursor, such as id"
    )
    more: str | None = Field(
        None, description="of `cursor`: where the answer tells whether a further page follows: has_more"
    )
    total: str | None = Field(
        None,
        description="of `page` and `offset`: where the answer tells the number of all records: meta.total",
    )
    pages: str | None = Field(
        None, description="of `page`: where the answer tells the number of pages: meta.pages"
    )
    KEYS: ClassVar[dict[str, Keys]] = {
        "none": ((), ()),
        "page": (("parameter",), ("first", "sizeParameter", "size", "total", "pages")),
        "offset": (("parameter",), ("sizeParameter", "size", "total")),
        "cursor": (("parameter",), ("next", "lastRecord", "more", "sizeParameter", "size")),
        "link": ((), ("next", "sizeParameter", "size")),
    }


class AuthenticationProperty(CustomProperties):
    """How this product says who it is."""

    kind: Literal["bearer", "basic", "key", "oauth2"] = Field(
        description="`bearer`: a token; `basic`: user and password; `key`: a key in a header or parameter; `oauth2`: "
        "a token that is asked for with the credentials of a client"
    )
    token: str | None = Field(None, description="of `bearer`: `${NAME}` of the variable with the token")
    user: str | None = Field(None, description="of `basic`")
    password: str | None = Field(None, description="of `basic`: `${NAME}` of the variable with the password")
    name: str | None = Field(None, description="of `key`: the name of the header or parameter")
    where: Literal["header", "parameter"] = Field("header", description="of `key`: where it is sent")
    key: str | None = Field(None, description="of `key`: `${NAME}` of the variable with the key")
    tokenUrl: str | None = Field(None, description="of `oauth2`: the address that gives tokens")
    clientId: str | None = Field(None, description="of `oauth2`")
    clientSecret: str | None = Field(
        None, description="of `oauth2`: `${NAME}` of the variable with the secret of the client"
    )
    scope: str | None = Field(None, description="of `oauth2`: what is asked for")
    KEYS: ClassVar[dict[str, Keys]] = {
        "bearer": (("token",), ()),
        "basic": (("user", "password"), ()),
        "key": (("name", "key"), ("where",)),
        "oauth2": (("tokenUrl", "clientId", "clientSecret"), ("scope",)),
    }
    SECRETS: ClassVar[tuple[str, ...]] = ("token", "password", "key", "clientSecret")


class SinceProperty(CustomProperties):
    """How the service is asked for what is new, so that not all pages are read each time."""

    parameter: str = Field(description="the query parameter: only documents from this value of the cursor on")
    until: str | None = Field(
        None, description="the query parameter: only documents before this value of the cursor"
    )
    format: Literal["iso", "date", "seconds", "milliseconds"] = Field(
        "iso",
        description="how a time is sent: 2026-01-31T10:00:00Z, 2026-01-31, or seconds or milliseconds since 1970",
    )


class ApiProperties(CustomProperties):
    """What is asked of a REST service, and how."""

    path: str = Field("", description="the path below the location: /v1/invoices")
    records: str | None = Field(
        None,
        description="where the answer holds the list of records: data.items; without it the answer is the list",
    )
    parameters: dict[str, str] = Field({}, description="query parameters; values may hold `${NAME}`")
    headers: dict[str, str] = Field({}, description="further headers; values may hold `${NAME}`")
    paginator: PaginatorProperty
    authentication: AuthenticationProperty | None = None
    cursor: str | None = Field(
        None,
        description="for `delivery: changes`: the member that grows with every new or changed record: updated_at; in "
        "an object: meta.updated_at",
    )
    since: SinceProperty | None = None
    overlap: int | None = Field(
        None,
        ge=0,
        description="how far before the newest value of the cursor each extract begins again: minutes (default 60), "
        "or a difference of numbers (default 1000)",
    )
    requestsPerMinute: int | None = Field(None, ge=1, description="the most requests in a minute")
    retries: int = Field(
        5, ge=0, le=20, description="how often a request that failed for the moment is tried again"
    )
    timeoutSeconds: int = Field(30, ge=1, le=600, description="how long an answer may keep silent")
