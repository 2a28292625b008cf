"""``python fsdp_on_cpu.py sft …``: surgvqa-train with FSDP over gloo on CPUs, which accelerate offers on cards only."""

from __future__ import annotations

import sys
from typing import Any

from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType

stock = AcceleratorState.__init__


def init(self: AcceleratorState, *args: Any, fsdp_plugin: Any = None, **kwargs: Any) -> None:
    stock(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
    if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP
        if self._mixed_precision != "no":
            fsdp_plugin.set_mixed_precision(self._mixed_precision)
        self.fsdp_plugin = fsdp_plugin


AcceleratorState.__init__ = init  # type: ignore[method-assign]

if __name__ == "__main__":
    from surgvqa.train.__main__ import main

    sys.exit(main(sys.argv[1:]))
