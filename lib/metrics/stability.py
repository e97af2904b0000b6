"""Whether another seed finds the same dictionary.

Papadimitriou et al., COLM 2025 (arXiv 2504.11695): max over permutations P of Tr(D^T P D') / c, the mean cosine of the
latents of two dictionaries matched one to one.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from lib.metrics.rows import same_space, unit_rows


def stability(first: np.ndarray, second: np.ndarray) -> float:
    """Mean cosine of the best one-to-one matching of decoder rows (c, d) and (c', d); 1 for the same dictionary.

    With different numbers of rows the smaller one is matched whole.
    """
    a, b = unit_rows("first decoder rows", first), unit_rows("second decoder rows", second)
    same_space("first decoder rows", a, "second decoder rows", b)
    cosines = a @ b.T
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    return float(cosines[rows, columns].mean())
