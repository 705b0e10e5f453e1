"""Tests of the pages' JavaScript, in a real browser."""
