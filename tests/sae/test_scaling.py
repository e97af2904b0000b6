import numpy as np
import pytest

from lib.data.errors import CompanionError
from lib.sae.scaling import root_mean_square_norm


def test_norm_is_summed_over_dimensions():
    assert root_mean_square_norm(np.ones((3, 16), np.float32)) == 4


def test_chunks_do_not_matter():
    matrix = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    assert root_mean_square_norm(matrix, batch=3) == pytest.approx(root_mean_square_norm(matrix), rel=1e-14)


@pytest.mark.parametrize("n", [0, 3])
def test_zero_data_is_refused(n):
    with pytest.raises(CompanionError, match=r"all embeddings are zero \(or there are none\)"):
        root_mean_square_norm(np.zeros((n, 4), np.float32))
