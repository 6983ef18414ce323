"""The table of lifetime values: what each customer is expected to bring."""

from churn_assets.lakehouse.catalogue.retention import MONEY
from churn_assets.lakehouse.catalogue.shared_columns import AS_OF_DATE, CUSTOMER_KEY, OF_THE_COHORT
from churn_assets.lakehouse.catalogue.table import LakeColumn, Table

LIFETIME_VALUES = Table(
    "retention",
    "lifetime_values",
    "one row per scored customer and as_of_date",
    ("as_of_date",),
    (
        CUSTOMER_KEY,
        AS_OF_DATE,
        LakeColumn(
            "method",
            "string",
            "survival (expected lifetimes of customers with a contract) or purchases (BG/NBD and Gamma-Gamma models).",
            required=True,
        ),
        LakeColumn(
            "monthly_margin",
            "double",
            "`economics.lifetime.revenue` by month times `margin`; of purchases: the mean month within the horizon. "
            "Null where the revenue is not known; below 0 it counts as 0.",
            f"{MONEY} per month",
        ),
        LakeColumn(
            "lifetime_value",
            "double",
            "Margin that the customer is expected to bring within the horizon, discounted to the as_of_date; null "
            "where the margin is not known.",
            MONEY,
        ),
        LakeColumn(
            "lifetime_value_low",
            "double",
            "Lower end of the 95 % interval of this mean; it knows the error of the model, and takes the margin per "
            "month of a contract as it is.",
            MONEY,
        ),
        LakeColumn("lifetime_value_high", "double", "Upper end of that interval.", MONEY),
        LakeColumn(
            "value_if_kept",
            "double",
            "The part of it that comes after the next outcome window, given that the customer does not leave in it: "
            "what is lost with a customer who leaves.",
            MONEY,
        ),
        LakeColumn(
            "value_horizon_months",
            "integer",
            "`economics.lifetime.horizon_months`.",
            "months",
            required=True,
        ),
        LakeColumn(
            "observed_months",
            "integer",
            "Months ahead of which outcomes have been observed; beyond them the leaving rate is taken to go on.",
            "months",
        ),
        LakeColumn(
            "better_than_constant",
            "boolean",
            "Whether values that were predicted in this way earlier came out better than the constant, beyond chance; "
            "plans use value_if_kept only then. Null: not judged.",
        ),
        LakeColumn("judged_as_of_date", "date", "The earlier as_of_date; null if there is none."),
    ),
    row_key=("customer_key", "as_of_date"),
    time="by what was known at the as_of_date; money earned since the judged date with all corrections known today",
    retention=OF_THE_COHORT,
)
