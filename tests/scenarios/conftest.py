"""Fixtures of the scenarios."""

from tests.whole import whole

__all__ = ["whole"]
