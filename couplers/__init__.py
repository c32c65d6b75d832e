"""Translators: each module turns one payload into another, on a link."""
