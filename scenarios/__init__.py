"""Scenarios that come with cosim: one folder each, with scenario.yaml, README.md, claims.py and figure.py."""
