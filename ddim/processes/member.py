"""One of several processes that train one run or measure weights together, and what it exchanges with the others."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from ddim.errors import UserError


@dataclass(frozen=True)
class Member:
    """This process among those that belong together: which it is, and how many there are."""

    process: int = 0
    processes: int = 1

    @property
    def writes(self) -> bool:
        """Whether this is the process that writes files, and says how far all have got."""
        return self.process == 0

    def share(self, batch_size: int) -> slice:
        """Which part of a batch is this process's own."""
        size = batch_size // self.processes
        return slice(self.process * size, (self.process + 1) * size)

    def part(self, count: int) -> range:
        """Which of so many things are this process's own; each of them is that of one process."""
        return range(count * self.process // self.processes, count * (self.process + 1) // self.processes)

    def gathered(self, rows: np.ndarray, count: int) -> np.ndarray:
        """The rows (N, ...) of all processes, those of the `part` of each, once each of them has called this."""
        if self.processes == 1:
            return rows
        from jax.experimental.multihost_utils import process_allgather

        parts = [Member(process, self.processes).part(count) for process in range(self.processes)]
        padded = np.zeros((max(map(len, parts)), *rows.shape[1:]), rows.dtype)
        padded[: len(rows)] = rows
        of_all = np.asarray(process_allgather(padded))
        return np.concatenate([of_one[: len(part)] for of_one, part in zip(of_all, parts, strict=True)])

    @contextmanager
    def first(self) -> Iterator[None]:
        """Process 0 does this before the others do, so that they find what it has downloaded."""
        if not self.writes:
            self.greatest(0)
        yield
        if self.writes:
            self.greatest(0)

    def greatest(self, number: int) -> int:
        """The greatest of the numbers of all processes, once each of them has called this."""
        return int(self._numbers(number).max())

    def check_alike(self, *things: object) -> None:
        """Raise UserError, in all processes, unless these are the same in each. Returns once each has called this."""
        if np.ptp(self._numbers(zlib.crc32(repr(things).encode()))):
            raise UserError(
                "All processes need the same options, the same weights and the same pictures, and those of a run the "
                "same --run, and its folder on a file system that they share: here, they differ."
            )

    def _numbers(self, number: int) -> np.ndarray:
        return self.gathered(np.array([number], np.uint32), self.processes)


ALONE = Member()
