"""What a worker imports before it loads a model."""

import json
import subprocess
import sys

SCRIPT = """
import gc, json, sys
from vlm_lab.backends.transformers.libraries import import_libraries
import_libraries()
loaded = [name for name in ("torch", "transformers.modeling_utils") if name in sys.modules]
left = len(gc.get_objects())
print(json.dumps([loaded, gc.isenabled(), gc.get_freeze_count(), left]))
"""


def test_what_libraries_bring_is_not_looked_through_for_cycles_again() -> None:
    completed = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    loaded, is_enabled, frozen_count, left_count = json.loads(completed.stdout)
    assert loaded == ["torch", "transformers.modeling_utils"]
    assert is_enabled
    assert frozen_count > 100 * left_count
