#!/bin/sh
# Builds or completes .venv: venv.sh <python> <demo|dev>, from the repository's root.
#
# Downloading and installing are two steps, so that the time the network took is known apart.
# Every file is checked against the hash in the lock; the install itself needs no network.
set -eu

python=$1
set=$2
lock=requirements/$set.lock
stamp=.venv/$set.stamp
wheels=.venv/wheels

if [ ! -x .venv/bin/python ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2
        exit 1
    }
    "$python" -m venv .venv
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }
now() { date +%s.%N; }
since() { awk "BEGIN { printf \"%.1f\", $(now) - $1 }"; }

rm -rf "$wheels"
started=$(now)
echo "setup: downloading the packages of $lock"
pip download --quiet --quiet --require-hashes --no-deps --only-binary :all: \
    --dest "$wheels" --requirement "$lock"
size=$(du -sm "$wheels" | cut -f1)
echo "setup: downloaded $size MB in $(since "$started") s"

started=$(now)
pip install --quiet --quiet --require-hashes --no-deps --no-index --find-links "$wheels" \
    --requirement "$lock"
pip install --quiet --quiet --no-index --no-deps --no-build-isolation --editable .
rm -rf "$wheels"
touch "$stamp"
echo "setup: installed in $(since "$started") s"
