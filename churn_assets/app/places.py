"""The pages and their names; a name is the page's place in the address."""

HOME = "overview"  # the page of the bare address
PAGES = {  # without icons: a browser would fetch the one of its tab from another website
    "overview": "Overview",
    "at_risk": "At risk",
    "alerts": "Alerts",
    "campaign": "Campaign",
    "customer": "Customer",
    "churn": "Churn",
    "segments": "Segments and drivers",
    "model": "Model",
    "data": "Data",
}
