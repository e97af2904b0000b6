from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from lib.base.errors import NotAvailable
from lib.encoders import shim
from lib.encoders.shim import SCHEMAS, ensure_torchvision


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_everything_that_imports_torchvision_imports_in_a_fresh_process() -> None:
    out = _run(
        "from lib.encoders.shim import ensure_torchvision\n"
        "ensure_torchvision(); ensure_torchvision()\n"
        "import torchvision, open_clip, timm, torchvision.transforms\n"
        "from transformers import CLIPVisionModel, LlavaForConditionalGeneration\n"
        "print('imported')"
    )
    assert out == "imported\n"


def test_nothing_is_declared_where_torchvision_works() -> None:
    ensure_torchvision()
    before = len(shim._declared)
    ensure_torchvision()
    assert len(shim._declared) == before


def test_absent_operators_are_declared_with_torchvisions_own_signature() -> None:
    """Without this machine's help: a torchvision that asks for its operators, and none there."""
    out = _run(
        "import sys, torch\n"
        "from importlib.machinery import ModuleSpec\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        return ModuleSpec(name, self) if name == 'torchvision' else None\n"
        "    def create_module(self, spec): return None\n"
        "    def exec_module(self, module):\n"
        "        for name in ('nms', 'qnms'):\n"
        "            torch.library.register_fake(f'torchvision::{name}')(lambda dets, scores, iou_threshold: dets)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from lib.encoders.shim import ensure_torchvision\n"
        "ensure_torchvision()\n"
        "print(torch.ops.torchvision.nms.default._schema)\n"
    )
    assert out == f"torchvision::{SCHEMAS['nms']}\n"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("operator torchvision::unheard_of does not exist", NotAvailable),
        ("something else is broken", RuntimeError),
    ],
)
def test_what_the_shim_cannot_mend_is_told(
    message: str, expected: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "torchvision":
                raise RuntimeError(message)

    ensure_torchvision()  # so that the operators are known and nothing more is declared below
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "torchvision")
    with pytest.raises(expected, match=message.split()[-1]) as caught:
        ensure_torchvision()
    assert "\n" not in str(caught.value)
    assert (torch.__version__ in str(caught.value)) == (expected is NotAvailable)
