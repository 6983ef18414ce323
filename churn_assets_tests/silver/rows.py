"""Rows as three sources of a small telecom operator deliver them."""


def customer(number: int, **values: str) -> dict[str, str]:
    """A delivered customer."""
    row = {
        "customer_id": f"NATID{number:04d}",
        "full_name": f"Name {number}",
        "email": "",
        "phone": "",
        "birth_date": "",
    }
    return row | {"region": "north", "segment": "consumer", "status": "active"} | values


ADA = customer(
    1, full_name="Ada Lovelace", email="ada@example.org", phone="+4912345", birth_date="1915-12-10"
)


def subscription(number: int, **values: str) -> dict[str, str]:
    """A delivered subscription of the customer of that number."""
    row = {
        "subscription_id": f"S{number}",
        "customer_id": f"NATID{number:04d}",
        "plan": "basic",
        "contract_months": "0",
    }
    return (
        row | {"monthly_price": "10", "started_on": "2025-01-01", "ended_on": "", "end_reason": ""} | values
    )


def ticket(number: int, customer: str, opened: str) -> dict[str, object]:
    """A delivered ticket."""
    return {
        "ticket_id": f"T{number}",
        "customer_id": customer,
        "opened_at": opened,
        "issue": {"category": "billing"},
    }
