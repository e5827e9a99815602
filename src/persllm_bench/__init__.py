"""persllm-bench: does a language model really have a personality?"""

from importlib.metadata import version

__version__ = version("persllm-bench")
