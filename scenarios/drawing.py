"""What the figures of all scenarios share: colours, panel titles, plain axes."""

from __future__ import annotations

from typing import Any

INK, PALE, RED, BLUE, LIGHT = "#1c2833", "#aab7c4", "#c0392b", "#2471a3", "#f6d55c"


def title(ax: Any, letter: str, words: str) -> None:
    """A bold letter and what the panel shows."""
    ax.set_title(rf"$\bf{{{letter}}}$  {words}", fontsize=9.5, loc="left")


def plain(figure: Any, size: float = 8) -> Any:
    """The figure, its axes without frames, its ticks small."""
    for ax in figure.axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=size)
    return figure
