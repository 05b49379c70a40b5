"""Fixtures of the architecture tests."""

from tests.whole import start_whole, whole

__all__ = ["start_whole", "whole"]
