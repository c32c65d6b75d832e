"""Engines: each module or package here is one simulator, moved forward window by window."""
