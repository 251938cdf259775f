"""Which step an undo belongs to, where a recording only says that it came after a failure."""

from __future__ import annotations

from collections.abc import Sequence


def places(done: Sequence[str], undoing: Sequence[str]) -> list[int] | None:
    """Which step each undo belongs to: the later undo to the earlier step, and by what their names have in common."""
    if len(undoing) > len(done):
        return None
    best: dict[tuple[int, int], tuple[float, list[int]]] = {}

    def found(number: int, before: int) -> tuple[float, list[int]]:
        if number == len(undoing):
            return 0.0, []
        if (number, before) not in best:
            options: list[tuple[float, list[int]]] = []
            for place in range(before - 1, len(undoing) - number - 2, -1):
                score, rest = found(number + 1, place)
                last = place == len(done) - 1
                options.append((score + _alike(done[place], undoing[number]) - (0.1 if last else 0), [place, *rest]))
            best[number, before] = max(options, key=lambda option: option[0])
        return best[number, before]

    return found(0, len(done))[1]


def _alike(one: str, other: str) -> float:
    words = [set(name.lower().replace("_", "-").split("-")) for name in (one, other)]
    return len(words[0] & words[1]) / max(1, min(map(len, words)))
