"""Fixtures that the tests of `verify` share."""

from __future__ import annotations

import pytest
import threadpoolctl


@pytest.fixture(autouse=True, scope="session")
def _trainings_of_their_own(tmp_path_factory):
    """Keep trainings out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOISE_GEOMETRY_TRAININGS", str(tmp_path_factory.mktemp("trainings")))
        yield


@pytest.fixture
def two_blas_threads():
    """Give BLAS two threads, also where test processes run side by side with one each."""
    with threadpoolctl.threadpool_limits(2, "blas"):
        yield
