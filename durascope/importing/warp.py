"""The recording's clock against a prediction's: what was so many milliseconds after one event is so after its like."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence


class Warp:
    """Maps the recording's clock to the prediction's: straight between events that both have."""

    def __init__(self, pairs: Sequence[tuple[int, int]]) -> None:
        self.recorded: list[int] = []
        self.predicted: list[int] = []
        for recorded, predicted in pairs:
            if not self.recorded or (recorded > self.recorded[-1] and predicted >= self.predicted[-1]):
                self.recorded.append(recorded)
                self.predicted.append(predicted)

    def __call__(self, us: int) -> int:
        after = bisect_right(self.recorded, us)
        if after == 0:
            return us
        before = after - 1
        if after == len(self.recorded):
            return self.predicted[before] + us - self.recorded[before]
        share = (us - self.recorded[before]) / (self.recorded[after] - self.recorded[before])
        return self.predicted[before] + round(share * (self.predicted[after] - self.predicted[before]))
