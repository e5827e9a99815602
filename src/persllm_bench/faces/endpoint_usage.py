"""Token counts of a vLLM server, from its metrics page."""

from __future__ import annotations

import re
from urllib.request import urlopen

from persllm_bench.usage import Usage

COUNTERS = {
    "prompt": "vllm:prefix_cache_queries_total",
    "reused": "vllm:prefix_cache_hits_total",
    "generated": "vllm:generation_tokens_total",
}


def usage_of_server(base_url: str) -> Usage | None:
    """What the server at `base_url` (ending in /v1) has counted so far, for all of its users; None for a server that
    has no such page."""
    try:
        with urlopen(base_url.rstrip("/").removesuffix("/v1") + "/metrics", timeout=5) as page:
            text = page.read().decode()
    except (OSError, ValueError):
        return None
    found = {
        name: [float(n) for n in re.findall(rf"^{counter}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)]
        for name, counter in COUNTERS.items()
    }
    return Usage(**{name: int(sum(values)) for name, values in found.items()}) if all(found.values()) else None
