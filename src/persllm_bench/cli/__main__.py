from persllm_bench.cli import app

app()
