"""Who reads: by a personal link, by a login, or, while there is neither, everybody on this machine."""

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from churn_assets.access.keys import Key, Keys, keys_file, now
from churn_assets.app.gate import COOKIE
from churn_assets.app.reader import Reader
from churn_assets.service_settings import ROLES, AppSettings, Role
from churn_assets.settings import Settings

HERE = "somebody on this machine"


def reader_of(settings: Settings) -> Reader:
    """The reader of this run. Asks for a login, or ends the run with a sentence, where there is none."""
    keys = Keys(keys_file(settings))
    given = st.context.cookies.get(COOKIE)
    if (reader := of_key(keys.find(given) if isinstance(given, str) else None)) is not None:
        return reader
    if settings.app.issuer is not None:
        return _logged_in(settings.app)
    if keys.of_page():
        st.info("Your link is not valid any more. Ask for another one.", icon=":material/lock:")
        st.stop()
    return Reader(HERE, settings.app.role)


def of_key(key: Key | None) -> Reader | None:
    """The reader with this key; None if it does not open the page, or not any more."""
    if key is None or key.role is None or key.state(now()) != "active":
        return None
    return Reader(key.name, key.role, key.owner or key.name)


def of_claims(claims: Mapping[str, Any], app: AppSettings) -> Reader | None:
    """The reader whom the provider describes; None if no group of theirs has a role.

    An e-mail address that the provider calls unverified names nobody: people may have typed that of a colleague.
    """
    if claims.get("email_verified") in (False, "false"):
        claims = {name: value for name, value in claims.items() if name != "email"}
    told = claims.get(app.groups_claim)
    groups = [told] if isinstance(told, str) else told if isinstance(told, Iterable) else []
    roles: list[Role] = [app.groups[group] for group in groups if group in app.groups]
    if not roles:
        return None
    name = next((str(claims[c]) for c in ("email", "preferred_username", "sub") if claims.get(c)), "unknown")
    owner = claims.get(app.owner_claim)
    return Reader(name, max(roles, key=ROLES.index), str(owner) if owner else None)


def _logged_in(app: AppSettings) -> Reader:
    if not st.user.is_logged_in:
        st.title("Churn", anchor=False)
        st.button("Log in", on_click=st.login, type="primary")
        st.stop()
    reader = of_claims(st.user.to_dict(), app)
    if reader is None:
        st.info(
            "You are logged in, and no group of yours may read this page. Ask whoever looks after this software.",
            icon=":material/lock:",
        )
        st.button("Log out", on_click=st.logout)
        st.stop()
    return reader
