"""Who reads a page, and what they may see and do."""

from dataclasses import dataclass

from churn_assets.service_settings import ROLES, Role


@dataclass(frozen=True)
class Reader:
    """Who reads.

    Attributes:
        name: of the person; it is in the audit and with the contacts that they mark.
        role: what they may do.
        owner: the name under which they look after customers, as in the account-owner column; None: under none.
    """

    name: str
    role: Role
    owner: str | None = None

    def is_at_least(self, role: Role) -> bool:
        """Whether this role includes the other one."""
        return ROLES.index(self.role) >= ROLES.index(role)

    @property
    def may_see_people(self) -> bool:
        """Whether names, phones and e-mail addresses may be shown at all."""
        return self.is_at_least("agent")

    @property
    def may_mark(self) -> bool:
        """Whether contacts may be marked."""
        return self.is_at_least("agent")

    def may_see(self, owner: str | None, has_owners: bool) -> bool:
        """Whether the identity of one customer may be shown.

        Args:
            owner: who looks after the customer; None: nobody, or not known.
            has_owners: whether the business declares account owners.
        """
        if not self.may_see_people:
            return False
        return not has_owners or self.is_at_least("manager") or (owner is not None and owner == self.owner)
