"""Libraries that report to their makers are told not to, before they are imported.

In: nothing. Out: variables in this process' environment, which every process that we start
inherits: workers in other interpreters among them.
"""

import os

NO_TELEMETRY = {
    # On Linux since 1.29: looks up its maker's event server and keeps a device id under ~/.cache.
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    # A backend of one's own may bring these; vLLM counts its users, Ray asks its maker's server.
    "VLLM_NO_USAGE_STATS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def forbid_telemetry() -> None:
    """Sets the variables whatever the environment says: to send nothing is no mere default."""
    os.environ.update(NO_TELEMETRY)
