"""Whether another seed finds the same dictionary.

Source: Papadimitriou et al., COLM 2025 (arXiv 2504.11695): the maximum over permutations P of Tr(D^T P D') / c, that
is, the mean cosine of the latents of two dictionaries matched one to one.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from lib.metrics.rows import check_same_space, unit_rows


def stability(first: np.ndarray, second: np.ndarray) -> float:
    """Mean cosine of the best one-to-one matching of decoder rows (c, d) and (c', d); 1 for the same dictionary.

    With different numbers of rows, every row of the smaller dictionary is matched.
    """
    a, b = unit_rows("first decoder rows", first), unit_rows("second decoder rows", second)
    check_same_space("first decoder rows", a, "second decoder rows", b)
    cosines = a @ b.T
    rows, columns = linear_sum_assignment(cosines, maximize=True)
    return float(cosines[rows, columns].mean())
