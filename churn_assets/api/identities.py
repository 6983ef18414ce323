"""Maps ids of the source to customer_keys. Each look-up is in the audit before it is answered."""

import threading
import time
from collections.abc import Sequence

from churn_assets.api.problems import SOON, ApiProblem
from churn_assets.operations.log.writing import event
from churn_assets.serving.release.identity import IdentityError, key_of, open_identity
from churn_assets.serving.release.reading import current_release
from churn_assets.settings import Settings

AGAIN = 30.0  # seconds until a file that cannot be opened is tried again


class Identities:
    """The identity file, decrypted in memory at the first look-up, and again after each release.

    While the new file cannot be opened, the former one answers, and the log tells.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._of: object = None
        self._keys: dict[str, str] | None = None
        self._again_at = 0.0

    def keys_of(self, ids: Sequence[str], caller: str, request_id: str) -> list[str | None]:
        """customer_key of each id; None where nobody has it. Blocks.

        Raises:
            ApiProblem: the look-up cannot be recorded, or the identity file cannot be opened.
        """
        from churn_assets.operations.audit.chain import AuditError, record  # most services look up nobody

        known = self._known()
        found = [known.get(given) for given in ids]
        there = [key for key in found if key is not None]
        subject = there[0] if len(there) == 1 else f"{len(there)} customers"
        try:
            record(
                self._settings,
                "look_up",
                caller,
                subject,
                customers=len(there),
                request_id=request_id,
                asked=len(ids),
            )
        except AuditError as error:
            event(
                "api.audit_failed",
                "A look-up could not be recorded, so it was refused.",
                level=40,
                error=error,
            )
            raise ApiProblem(503, "The look-up cannot be recorded, so it is refused.", SOON) from None
        return found

    def _known(self) -> dict[str, str]:
        with self._lock:
            if self._keys is not None and time.monotonic() < self._again_at:
                return self._keys
            try:
                now = current_release(self._settings.releases_uri)
                if self._keys is None or now != self._of:
                    table = open_identity(self._settings.releases_uri, key_of(self._settings))
                    pairs = (table[name].to_pylist() for name in ("customer_id", "customer_key"))
                    self._keys, self._of = dict(zip(*pairs, strict=True)), now
            except (IdentityError, OSError, RuntimeError) as error:
                self._again_at = time.monotonic() + AGAIN
                event("api.identity_failed", "The identity file cannot be opened.", level=40, error=error)
                if self._keys is None:
                    raise ApiProblem(
                        503, "The identity file cannot be opened; the log tells why.", SOON
                    ) from None
            return self._keys
