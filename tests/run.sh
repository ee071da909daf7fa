#!/usr/bin/env bash
# Runs one Lua or command-line test: run.sh CALR SCRIPT TMP. Two threads, whatever the machine has, so that
# results that depend on their number are the same everywhere.
set -u
export OMP_WAIT_POLICY=passive # several tests share the processor: waiting threads must not keep it busy
export CALR=$1 CALR_TEST_TMP=$3
CALR_TEST_SOURCE=$(cd "$(dirname "$0")/.." && pwd)
export CALR_TEST_SOURCE CALR_TEST_REFERENCE=$CALR_TEST_SOURCE/tests/reference CALR_THREADS=${CALR_THREADS:-2}
rm -rf "$CALR_TEST_TMP"
mkdir -p "$CALR_TEST_TMP"
cd "$CALR_TEST_TMP" || exit 1
case $2 in
*.lua) LUA_PATH="$CALR_TEST_SOURCE/tests/lua/?.lua;;" "$CALR" "$2" ;;
*) bash "$2" ;;
esac
status=$?
cd /
[ $status -ne 0 ] || rm -rf "$CALR_TEST_TMP"
exit $status
