#!/bin/sh
# The tree of a Hugging Face Space in a new folder: this commit, with the Space's README and Dockerfile at the top.
set -e
test -n "$1" || { echo "usage: leaderboard/space.sh FOLDER" >&2; exit 2; }
test ! -e "$1" || { echo "$1 is there already" >&2; exit 2; }
mkdir -p "$1"
git -C "$(dirname "$0")/.." archive HEAD -- . ':!tests' ':!benchmarks' ':!docs' ':!reference_models' ':!.github' | tar -x -C "$1"
cp "$1/leaderboard/README.md" "$1/README.md"
cp "$1/leaderboard/Dockerfile" "$1/Dockerfile"
