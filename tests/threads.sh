#!/usr/bin/env bash
# The tests under the thread sanitizer: tests/threads.sh [REGEX of ctest names]. docs/decisions/threads.md says why clang
# and its OpenMP are needed. Exit status 77: one of them is missing.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build-tsan

tool=
for file in /usr/lib/llvm-*/lib/libarcher.so; do
    [ -e "$file" ] && tool=$file
done
if [ -z "$tool" ] || ! command -v clang >/dev/null; then
    echo "threads.sh: clang and its OpenMP are needed: apt-get install clang libomp-dev" >&2
    exit 77
fi

cmake -S "$root" -B "$build" -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCALR_SANITIZE=thread -DCALR_BUILD_TESTS=ON >/dev/null
cmake --build "$build" --target calr --target c_tests
# The tool tells the sanitizer where OpenMP's threads wait for each other.
export OMP_TOOL_LIBRARIES=$tool
export TSAN_OPTIONS=ignore_noninstrumented_modules=1${TSAN_OPTIONS:+:$TSAN_OPTIONS}
exec ctest --test-dir "$build" -j2 --timeout 900 --output-on-failure -R "${1:-^(c|lua)\\.}"
