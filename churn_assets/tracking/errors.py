"""What MLflow cannot do, as sentences."""


class TrackingError(RuntimeError):
    """MLflow or its files cannot be reached; the message contains the address and the remedy."""


class VersionGone(TrackingError):
    """MLflow no longer has a registered version."""

    def __init__(self, model_name: str, model_version: str) -> None:
        self.model_version = model_version
        super().__init__(f"Version {model_version} of {model_name} was deleted in MLflow.")
