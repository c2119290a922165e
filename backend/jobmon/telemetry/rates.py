"""Make rates of counters from samples that bring their own times."""

from collections.abc import Hashable, Iterable


class Rates:
    """Remember the last sample of each counter, and say how fast it grew since then.

    A counter that fell was reset (a reboot, a driver loaded anew): that interval is unknown. So is one longer than
    `max_gap_s`, because nobody knows what happened meanwhile, and one without a second sample. A sample that comes
    again, or late, tells nothing new: the last rate stays until it is too old.
    """

    def __init__(self, max_gap_s: float = 300.0) -> None:
        self.max_gap_s = max_gap_s
        self._last: dict[Hashable, tuple[float, float]] = {}
        self._rate: dict[Hashable, float] = {}

    def add(self, key: Hashable, at: float, value: float) -> float | None:
        """Take a sample (epoch seconds, counter), and return the rate per second up to it; None when not known."""
        last = self._last.get(key)
        if last is None or at > last[0]:
            self._last[key] = (at, value)
            self._rate.pop(key, None)
            if last is not None and at - last[0] <= self.max_gap_s and value >= last[1]:
                self._rate[key] = (value - last[1]) / (at - last[0])
        return self._rate.get(key)

    def add_all(self, key: Hashable, samples: Iterable[tuple[float, float]]) -> float | None:
        """Take samples in the order of time, and return the mean rate over what they tell that is new.

        Without anything new it is the rate of before. Intervals across a reset or a gap are left out of the mean.
        """
        grown = elapsed = 0.0
        for at, value in samples:
            last = self._last.get(key)
            if last is not None and at <= last[0]:
                continue
            rate = self.add(key, at, value)
            if rate is not None and last is not None:
                grown += value - last[1]
                elapsed += at - last[0]
        if elapsed > 0:
            self._rate[key] = grown / elapsed
        return self._rate.get(key)

    def forget(self, before: float) -> None:
        """Forget counters whose last sample is older than that: devices and jobs that are gone."""
        gone = [key for key, (at, _value) in self._last.items() if at < before]
        for key in gone:
            del self._last[key]
            self._rate.pop(key, None)

    def __len__(self) -> int:
        return len(self._last)
