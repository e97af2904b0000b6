"""The Triton kernels compute the same as the eager products; on a CPU they run in Triton's interpreter."""

import os
import subprocess
import sys

import pytest
import torch

from lib.base.files import ROOT

pytest.importorskip("triton", reason="Triton is not installed")

FORCED = {"COMPANION_TRITON": "1"} | ({} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"})

# In a process of its own: Triton reads its settings once, when it is first imported.
PARITY = """
import os, torch
from lib.sae.base import SAE
from lib.sae.codes import SparseCodes
from lib.sae import sparse
from lib.sae.sparse import Pattern, decode_at, encode_at

device = "cuda" if torch.cuda.is_available() else "cpu"
torch.manual_seed(0)
for d, patterns in ((5, [[], [0], [3, 8, 10, 29, 53], list(range(54))]), (1100, [[1, 9, 50]])):
    for pattern in patterns:
        positions = torch.tensor(pattern, dtype=torch.int64, device=device)
        x, weight, outer = (torch.randn(n, d, dtype=torch.float64, device=device) for n in (6, 9, 6))
        bias = torch.randn(9, dtype=torch.float64, device=device)
        amounts = torch.rand(len(pattern), dtype=torch.float64, device=device)
        found = []
        for asked in ("1", "0"):
            os.environ["COMPANION_TRITON"] = asked
            assert (sparse._kernels(weight) is not None) == (asked == "1")
            leaves = [t.clone().requires_grad_() for t in (x, weight, bias, amounts)]
            entries = Pattern(positions, 6, 9)
            values = encode_at(*leaves[:3], entries, None) * leaves[3]
            out = decode_at(entries, values, leaves[1])
            (out * outer).sum().backward()
            found.append([out.detach(), *(leaf.grad for leaf in leaves)])
        torch.testing.assert_close(*found)
print("equal")
"""


def test_values_and_gradients_equal_the_eager_ones():
    answer = subprocess.run(
        [sys.executable, "-c", PARITY], cwd=ROOT, env=os.environ | FORCED, capture_output=True, text=True
    )
    assert answer.stdout.strip() == "equal", answer.stderr


def test_without_the_flag_nobody_imports_triton():
    code = "import sys, torch; from lib.sae import sparse; x = torch.ones(1, 1); print(sparse._kernels(x))"
    environment = {key: value for key, value in os.environ.items() if key != "COMPANION_TRITON"}
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert answer.stdout.strip() == "None", answer.stderr
