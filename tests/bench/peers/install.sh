#!/bin/sh
# Installs every program that `calr bench --peer` compares with into a Python environment of its own:
#
#     tests/bench/peers/install.sh ~/calr-peers
#     build/calr bench cluster --peer ~/calr-peers/bin/python
#
# PYTHON (python3) makes the environment; what follows the folder goes to pip, such as --index-url. Run it again to
# complete an installation that broke off.
set -eu

if [ $# -lt 1 ] || [ "${1#-}" != "$1" ]; then
    echo "usage: $0 DIR [options of pip install]" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../../.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
case "$folder/" in
"$tree"/*)
    echo "$0: $folder is inside the sources; choose a folder outside of $tree" >&2
    exit 2
    ;;
esac

[ -x "$folder/bin/python" ] || "${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install -r "$here/requirements.txt" "$@"
"$folder/bin/python" "$here/installed.py"
