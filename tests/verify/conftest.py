"""Fixtures that the tests of `verify` share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def _trainings_of_their_own(tmp_path_factory):
    """Keep trainings out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOISE_GEOMETRY_TRAININGS", str(tmp_path_factory.mktemp("trainings")))
        yield
