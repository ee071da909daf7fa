#!/usr/bin/env bash
# Runs one Lua or command-line test: run.sh CALR SCRIPT TMP. Two threads, whatever the machine has, so that
# results that depend on their number are the same everywhere.
set -u
export OMP_WAIT_POLICY=passive # several tests share the processor: waiting threads must not keep it busy
export CALR=$1 CALR_TEST_TMP=$3
CALR_TEST_SOURCE=$(cd "$(dirname "$0")/.." && pwd)
export CALR_TEST_SOURCE CALR_TEST_REFERENCE=$CALR_TEST_SOURCE/tests/reference CALR_THREADS=${CALR_THREADS:-2}
# In a sanitizer build: an allocation that is too large fails as malloc does, and leaks that are not ours are known.
most=2048
case $2 in
*/fuzz/*)
    most=256
    export CALR_FUZZ_SECONDS=${CALR_FUZZ_SECONDS:-${CALR_FUZZ_DEFAULT:-10}}
    ulimit -c 0
    ulimit -v "${CALR_FUZZ_MEMORY:-unlimited}"
    ;;
esac
export ASAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=$most${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export LSAN_OPTIONS=suppressions=$CALR_TEST_SOURCE/tests/leaks.txt:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1
rm -rf "$CALR_TEST_TMP"
mkdir -p "$CALR_TEST_TMP"
cd "$CALR_TEST_TMP" || exit 1
case $2 in
*.lua) LUA_PATH="$(dirname "$2")/?.lua;$CALR_TEST_SOURCE/tests/lua/?.lua;;" "$CALR" "$2" ;;
*) bash "$2" ;;
esac
status=$?
cd /
[ $status -ne 0 ] || rm -rf "$CALR_TEST_TMP"
exit $status
