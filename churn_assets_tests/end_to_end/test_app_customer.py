"""The page of a customer over the release that the demo publishes: customers of every status read well."""

import pytest

from churn_assets.app.queries.customer import customer_row
from churn_assets.app.queries.what_if import ask, levers, present_values
from churn_assets.app.store import ReleaseHolder, ReleaseStore
from churn_assets_tests.app.opening import open_page
from churn_assets_tests.end_to_end.conftest import Demo, personal_values

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(demo: Demo) -> ReleaseStore:
    found = ReleaseHolder(demo.settings).store()
    assert found is not None
    return found


def test_the_page_reads_of_a_customer_of_each_status_and_names_nobody(
    demo: Demo, store: ReleaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_HOME", "replaced")  # so that it is restored
    monkeypatch.setenv("CHURN_APP_ROLE", "steward")
    personal = personal_values(demo)
    keys = store.rows("SELECT status, min(customer_key) AS customer_key FROM customers GROUP BY status")
    assert {"scored", "former"} <= {row["status"] for row in keys}
    for row in keys:
        page = open_page(demo.settings, "customer", customer=row["customer_key"])
        assert not page.error and not page.exception, row["status"]
        assert page.subheader[0].value.endswith(row["customer_key"])
        assert bool(page.metric) == (row["status"] == "scored")
        texts = [element.value for kind in (page.markdown, page.caption, page.info) for element in kind]
        texts += [str(value) for frame in page.dataframe for value in frame.value.to_numpy().ravel()]
        assert not personal.search("\n".join(texts).encode())


def test_the_what_if_question_begins_with_the_stored_probability(store: ReleaseStore) -> None:
    keys = store.rows("SELECT customer_key FROM customers WHERE status = 'scored' ORDER BY raw DESC LIMIT 20")
    for key in (row["customer_key"] for row in keys):
        row, present = customer_row(store, key), present_values(store, key)
        assert row is not None and present is not None
        assert ask(store, present.values, {}).before == pytest.approx(row["probability"], abs=1e-12)
        assert levers(store, present.values)
