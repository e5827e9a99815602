"""An OpenAI-compatible endpoint in front of the real mini model, greedy, that fails as often as it is told to.

python tests/mini_server.py PORT_FILE [FAIL_EVERY]   # 2: every second call fails, by turns with 500, 429 or a cut line
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

MINI = Path(__file__).resolve().parents[1] / "reference_models" / "mini" / "model"


def serve(port_file: Path, fail_every: int) -> None:
    torch.set_num_threads(1)
    words = AutoTokenizer.from_pretrained(MINI)
    model = AutoModelForCausalLM.from_pretrained(MINI, dtype=torch.float32).eval()
    lock, calls, failures = threading.Lock(), itertools.count(1), itertools.cycle((500, 429, None))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if "LOST" in asked["messages"][-1]["content"]:
                self.send_error(400, "a request that cannot be answered")
                return
            if fail_every and next(calls) % fail_every == 0:
                code = next(failures)
                if code is None:
                    self.close_connection = True
                    return
                self.send_error(code)
                return
            text = words.apply_chat_template(asked["messages"], tokenize=False, add_generation_prompt=True)
            with lock, torch.no_grad():
                ids = words(text, return_tensors="pt")["input_ids"][:, -4000:]
                made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=asked["max_tokens"])
            said = words.decode(made[0, ids.shape[1] :], skip_special_tokens=True)
            body = {
                "id": "mini",
                "object": "chat.completion",
                "created": 0,
                "model": asked["model"],
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}],
            }
            raw = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    new = port_file.with_suffix(".new")
    new.write_text(str(server.server_port))
    new.rename(port_file)
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
