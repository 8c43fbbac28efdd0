"""Newton's method with the curvature of sampled rows: it moves the last models of a binary classifier on wide dense rows.

First-order methods leave the loss of almost separable classes far above its optimum [docs/decisions/0013]. The second half of a
job's passes therefore refines the best model so far. A pass is one step: models with different step sizes stand still during it,
so that it gives the loss and the slope of each; the best of them is where the next step begins. The direction is that of L-BFGS
[Nocedal & Wright 2006, doi:10.1007/978-0-387-40065-5, algorithm 7.4], preconditioned by a subsampled Hessian [Roosta-Khorasani &
Mahoney 2019, doi:10.1007/s10107-018-1346-5].

Axes: n rows of a mini-batch · r sampled rows · a weights and bias of one model, d + 1 · s step sizes · o all models
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from wildsage.algorithms.base.errors import UserError

STEP_SIZES = (0.25, 0.5, 1.0, 2.0)
WHOLE_STEP = STEP_SIZES.index(1.0) - len(STEP_SIZES)
"""Which of all models, from the end: rows are sampled by its margins, since the best one is known only after the pass."""

COLUMNS_MOST = 1024
"""With more columns, the (d, d) matrix would cost more than all models."""

ROWS_A_COLUMN = 16
"""With fewer rows a column, factorising the matrix would take a large part of a pass."""

SAMPLED_A_COLUMN = 2.5
"""How many rows are sampled, for each column and the bias."""

SAMPLED_EVERY = 2
"""Passes from one sample to the next; between them, L-BFGS follows the curvature."""

KEPT = 0.4
"""The part of the earlier curvature in a new one."""

PAIRS = 3
"""Changes of point and slope that L-BFGS remembers."""

RIDGE = 0.05
LEAST_RIDGE = 1e-7
"""Added to the curvature: a share of the mean curvature for columns that the sample misses, and a number for empty columns."""

SHORTER = 0.25
"""The factor of the step where none of the models is better than the point."""

RARE_ABOVE = 1.5
"""Columns whose root mean square is higher were almost constant in the first rows, and begin without a weight."""

BLOCK_COLUMNS = 128
COUNTS = "refinement"
TENSORS = ("squares_a", "sampled_aa", "hessian_aa", "slopes_ao", "point_a", "slope_a", "moves_pa", "bends_pa")
NUMBERS = ("begins", "ends", "passes", "rows", "share", "curvature", "ridge", "scale", "least")


@dataclass
class NewtonRefinement:
    """The models from pass `begins` to the one before `ends`, of which `passes` are done.

    `squares_a` are the columns' mean squares in the pass before, during it their sums. `sampled_aa`, `slopes_ao` and `curvature`
    are sums over this pass, and `share` of the rows are sampled. `hessian_aa` preconditions, with `ridge` times the mean
    squares on its diagonal. `point_a` is the best model, with its loss `least` and its `slope_a`. `moves_pa` and `bends_pa` are
    the last changes of point and slope.
    """

    begins: int
    ends: int
    squares_a: Tensor
    sampled_aa: Tensor
    hessian_aa: Tensor
    slopes_ao: Tensor
    point_a: Tensor
    slope_a: Tensor
    moves_pa: Tensor
    bends_pa: Tensor
    passes: int = 0
    rows: int = 0
    share: float = 0.0
    curvature: float = 0.0
    ridge: float = 0.0
    scale: float = 1.0
    least: float = float("inf")
    _read: list[Tensor] = field(default_factory=list, init=False)
    _factor_aa: Tensor | None = field(default=None, init=False)

    @classmethod
    def start(cls, columns: int, outputs: int, epochs: int) -> Self:
        """Nothing is known; the second half of the passes refines."""
        size = columns + 1
        square, flat, pairs = torch.zeros(size, size), torch.zeros(size), torch.empty(0, size)
        return cls(
            max(1, epochs // 2), epochs, flat, square, square.clone(), torch.zeros(size, outputs),
            flat.clone(), flat.clone(), pairs, pairs.clone(),
        )  # fmt: skip

    @property
    def active(self) -> bool:
        """Whether the last models stand still in this pass, so that it measures them."""
        return self.passes >= self.begins

    @property
    def just_began(self) -> bool:
        """Whether the models were put at the best one after the pass before."""
        return self.passes == self.begins

    @property
    def _surveys(self) -> bool:
        return self.passes == self.begins - 1

    @property
    def _samples(self) -> bool:
        refined = self.passes - self.begins
        return refined == 0 or (0 < refined < self.ends - 2 - self.begins and refined % SAMPLED_EVERY == 0)

    # During a pass

    def read(self, x_nd: Tensor, margins_no: Tensor, errors_no: Tensor) -> None:
        """Take in the rows of a mini-batch, with their margins and errors (probability less label) by all models."""
        if self._surveys:
            self.squares_a[:-1] += x_nd.square().sum(0)
            self.squares_a[-1] += len(x_nd)
        elif self._samples:
            length_n = torch.linalg.vector_norm(x_nd, dim=1)
            self._read.append(torch.stack([margins_no[:, WHOLE_STEP], errors_no[:, WHOLE_STEP], length_n]))

    def add_slopes(self, slope_do: Tensor, slope_1o: Tensor, rows: int) -> None:
        """Add the mean slopes of all models over the `rows` rows of all hosts' mini-batch."""
        self.rows += rows
        if self.active:
            self.slopes_ao[:-1].add_(slope_do, alpha=rows)
            self.slopes_ao[-1:].add_(slope_1o, alpha=rows)

    def fold(self, rows: Callable[[Tensor], Tensor]) -> None:
        """Add a sample of the rows read since the last call to the curvature: of many at once, since that costs less than of few.

        `rows` gives their features (r, d) by their ascending numbers (r,). The sample is systematic [Madow 1949,
        doi:10.1214/aoms/1177729988], with a probability by a row's curvature and the square of its length.
        """
        if not self._read:
            return
        margins_n, error_n, length_n = torch.cat(self._read, 1)
        self._read.clear()
        curvature_n = _curvature(margins_n.abs(), error_n.abs()).nan_to_num(0, 0, 0)
        self.curvature += float(curvature_n.sum())
        size_n = (curvature_n.double() * length_n.square()).nan_to_num(0, 0, 0)
        kept_n = _probabilities(size_n, max(1, round(len(size_n) * self.share)))
        count_n = kept_n.cumsum(0)
        chosen_r = torch.searchsorted(count_n, torch.arange(round(float(count_n[-1])), device=count_n.device) + 0.5)
        weight_r1 = (curvature_n[chosen_r] / kept_n[chosen_r]).sqrt()[:, None].float()
        self._add_curvature(torch.cat([rows(chosen_r).mul_(weight_r1), weight_r1], 1))

    def _add_curvature(self, rows_ra: Tensor) -> None:
        """The upper triangle of the product, and a little below it: the matrix is symmetric."""
        for first in range(0, rows_ra.shape[1], BLOCK_COLUMNS):
            block = slice(first, first + BLOCK_COLUMNS)
            self.sampled_aa[block, first:].addmm_(rows_ra[:, block].T, rows_ra[:, first:])

    # Between passes

    def end_pass(self, weights_as: Tensor, best_a: Tensor, losses_s: Tensor, total: Callable[[Tensor], Tensor]) -> None:
        """Move the last models (a, s), in place. `best_a` is the best of all models, on average over the pass, and `losses_s`
        the mean losses of the last ones; `total` adds a tensor up over the hosts."""
        if self._surveys:
            self._begin(weights_as, best_a, total)
        elif self.active and self.passes < self.ends - 1:
            self._choose(weights_as, losses_s)
            self._precondition(total)
            self._move(weights_as)
        self.passes += 1
        self.rows, self.curvature = 0, 0.0
        self.sampled_aa.zero_()
        self.slopes_ao.zero_()

    def _begin(self, weights_as: Tensor, best_a: Tensor, total: Callable[[Tensor], Tensor]) -> None:
        """Begin at the best model. Where rows are too few for it, the last models go on as they are."""
        if self.rows < ROWS_A_COLUMN * len(best_a):
            self.begins = self.ends + 1
            return
        self.share = SAMPLED_A_COLUMN * len(best_a) / self.rows
        self.squares_a = total(self.squares_a).to(best_a.device) / self.rows
        self.point_a = torch.where(self.squares_a > RARE_ABOVE**2, 0.0, best_a)
        weights_as[:] = self.point_a[:, None]

    def _choose(self, weights_as: Tensor, losses_s: Tensor) -> None:
        """Take the best model as the new point if it is better than the old one; otherwise shorten the steps."""
        best = int(losses_s.nan_to_num(torch.inf).argmin())
        if not float(losses_s[best]) < self.least:
            self.scale *= SHORTER
            return
        point_a, slope_a = weights_as[:, best].clone(), self.slopes_ao[:, best - len(STEP_SIZES)] / self.rows
        if self.least < float("inf"):
            self.moves_pa = torch.cat([self.moves_pa, (point_a - self.point_a)[None]])[-PAIRS:]
            self.bends_pa = torch.cat([self.bends_pa, (slope_a - self.slope_a)[None]])[-PAIRS:]
        self.point_a, self.slope_a, self.least = point_a, slope_a, float(losses_s[best])
        self.scale = min(1.0, 2 * self.scale)

    def _precondition(self, total: Callable[[Tensor], Tensor]) -> None:
        """Renew the curvature by the rows that were sampled in this pass."""
        if not self._samples:
            return
        upper_aa = total(self.sampled_aa).to(self.point_a.device).triu() / self.rows
        fresh_aa = upper_aa + upper_aa.triu(1).T
        first = self.passes == self.begins
        self.hessian_aa = fresh_aa if first else KEPT * self.hessian_aa + (1 - KEPT) * fresh_aa
        self.ridge = RIDGE * float(total(torch.tensor(self.curvature, dtype=torch.float64))) / self.rows
        self._factor_aa = None

    def _move(self, weights_as: Tensor) -> None:
        """Put the models at different steps from the point."""
        if self._factor_aa is None:
            damped_aa = self.hessian_aa + torch.diag(self.ridge * self.squares_a + LEAST_RIDGE)
            factor_aa, failed = torch.linalg.cholesky_ex(damped_aa)
            if int(failed):
                return
            self._factor_aa = factor_aa
        step_a = self._direction(self._factor_aa)
        for at, size in enumerate(STEP_SIZES):
            weights_as[:, at] = self.point_a - self.scale * size * step_a

    def _direction(self, factor_aa: Tensor) -> Tensor:
        """The two loops of L-BFGS."""
        step_a = self.slope_a
        pairs = [(move, bend, move @ bend) for move, bend in zip(self.moves_pa, self.bends_pa, strict=True)]
        pairs = [pair for pair in pairs if pair[2] > 0]
        shares = []
        for move_a, bend_a, product in reversed(pairs):
            shares.append(move_a @ step_a / product)
            step_a = step_a - shares[-1] * bend_a
        step_a = torch.cholesky_solve(step_a[:, None], factor_aa)[:, 0]
        for (move_a, bend_a, product), share in zip(pairs, reversed(shares), strict=True):
            step_a = step_a + move_a * (share - bend_a @ step_a / product)
        return step_a

    # State

    def arrays(self) -> dict[str, Tensor]:
        """The refinement as plain arrays, for a state. Sampled rows must be folded in."""
        numbers = torch.tensor([float(getattr(self, name)) for name in NUMBERS], dtype=torch.float64)
        return {COUNTS: numbers} | {f"{COUNTS}_{name}": getattr(self, name) for name in TENSORS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Tensor], device: torch.device) -> Self | None:
        """The inverse of `arrays`; None for a state without a refinement. Raises UserError for a state of another version."""
        if COUNTS not in arrays:
            return None
        found = len(arrays[COUNTS])
        if found != len(NUMBERS) or not all(f"{COUNTS}_{name}" in arrays for name in TENSORS):
            raise UserError(
                f"The state to resume from is of another version of Wildsage: its refinement has {found} numbers and "
                f"{sum(name.startswith(f'{COUNTS}_') for name in arrays)} arrays, expected {len(NUMBERS)} and {len(TENSORS)}. "
                "Empty the checkpoint folder and train from the start."
            )
        numbers: dict[str, Any] = dict(zip(NUMBERS, arrays[COUNTS].tolist(), strict=True))
        counts = {name: int(numbers[name]) for name in ("begins", "ends", "passes", "rows")}
        tensors: dict[str, Any] = {name: arrays[f"{COUNTS}_{name}"].to(device) for name in TENSORS}
        return cls(**tensors, **numbers | counts)


def _curvature(margin_n: Tensor, error_n: Tensor) -> Tensor:
    """The second derivative of the cross entropy, by the sizes of margin and error. Where it vanishes far on the wrong side, the
    bound of Jaakkola & Jordan 2000 [doi:10.1023/A:1008932416310] takes its place: tanh(m / 2) / 2m, where tanh(m / 2) = 2e - 1."""
    return torch.where(error_n > 0.5, (error_n - 0.5) / margin_n, error_n * (1 - error_n))


def _probabilities(size_n: Tensor, rows: int) -> Tensor:
    """Probabilities (n,) proportional to the sizes (n,), but 1 for the largest; they add up to `rows`."""
    largest_r = size_n.topk(rows).values
    others = (size_n.sum() - largest_r.sum()).clamp_min(0)
    sum_r = others + largest_r.flip(0).cumsum(0).flip(0)  # of all sizes but the larger ones
    unit_r = sum_r / torch.arange(rows, 0, -1, device=size_n.device)
    unit = unit_r[(largest_r <= unit_r).nonzero()[0]]
    return (size_n / unit.clamp_min(1e-300)).clamp_max(1)
