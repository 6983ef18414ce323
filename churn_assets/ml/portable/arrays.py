"""The stored form of a model: named arrays, without executable code."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class Arrays:
    """Base of a dataclass whose fields are arrays and single numbers."""

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Returns all fields as arrays, for `numpy.savez`."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_arrays(cls, stored: Mapping[str, NDArray[Any]]) -> Self:
        """Inverse of `arrays`.

        Raises:
            KeyError: an array is absent.
        """
        found = {field.name: stored[field.name] for field in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: array if array.ndim else float(array) for name, array in found.items()})
