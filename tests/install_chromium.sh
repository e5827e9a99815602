#!/bin/sh
# Chromium and its driver, for the tests of the leaderboard in a real browser. Asks the system's package manager where it may.
set -e
have() {
    (command -v chromium || command -v chromium-browser || command -v google-chrome) > /dev/null && command -v chromedriver > /dev/null
}
have && exit 0
how="install Chromium and chromedriver (Debian: apt-get install chromium chromium-driver; Ubuntu: apt-get install chromium-browser chromium-chromedriver)"
command -v apt-get > /dev/null || { echo "make test needs a browser: $how" >&2; exit 1; }
if [ "$(id -u)" = 0 ]; then as=""
elif sudo -n true 2> /dev/null; then as="sudo -n"
else echo "make test needs a browser and may not install it: $how" >&2; exit 1
fi
$as apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as apt-get install -y -qq --no-install-recommends chromium chromium-driver > /dev/null
have || { echo "the system's package manager brought no browser: $how" >&2; exit 1; }
