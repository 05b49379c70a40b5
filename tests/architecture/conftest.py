"""Fixtures of the architecture tests."""

from tests.whole import whole

__all__ = ["whole"]
