"""Fixtures of the scenarios."""

from tests.whole import start_whole, whole

__all__ = ["start_whole", "whole"]
