"""The arms of a campaign, and why a customer is in none."""

PLANNED, EXPLORATION, HOLDOUT = "planned", "exploration", "holdout"
CONTACTED = (PLANNED, EXPLORATION)
DRAWN = f" {EXPLORATION}"  # ends the name of the trial of a campaign's customers who were drawn at random
UNKNOWN, OBJECTION, NO_CONSENT, EXCLUDED = "unknown", "objection", "no consent", "excluded"
NOT_REACHABLE, RECENT = "not reachable", "contacted recently"
NOT_WORTH_IT, OVER_BUDGET = "not worth it", "over budget"
# In this order: the first that holds is the reason.
REASONS = (
    UNKNOWN, OBJECTION, NO_CONSENT, EXCLUDED, NOT_REACHABLE, RECENT, HOLDOUT, NOT_WORTH_IT, OVER_BUDGET,
)  # fmt: skip
