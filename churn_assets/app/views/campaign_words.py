"""What a campaign plans for a customer, in words."""

REASONS = {
    "holdout": "left alone at random (holdout)",
    "not worth it": "no offer is expected to earn enough",
    "over budget": "others earn more of the budget or the capacity",
    "no consent": "does not consent to contacts",
    "objection": "objects to profiling",
    "excluded": "excluded by the business, such as by an unpaid invoice",
    "contacted recently": "was contacted recently",
    "not reachable": "no offer may go to this customer",
    "unknown": "not enough is known",
}
LEAVE_ALONE = "leave alone (holdout)"


def planned_told(arm: object, offer: object) -> str | None:
    """The planned offer; for a customer of the holdout that they must be left alone; None where nothing is planned."""
    if arm == "holdout":
        return LEAVE_ALONE
    return offer if isinstance(offer, str) and arm in ("planned", "exploration") else None
