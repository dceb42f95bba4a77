"""Tests; a package so that `tests.support` is always ours."""
