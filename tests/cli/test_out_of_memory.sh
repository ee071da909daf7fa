# Memory runs out while the program starts, in the initialisers of its libraries too: one allocation that fails, or all
# from one on. It ends with a status and a message, not by std::abort; most single failures it survives.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
[ -n "${CALR_TEST_FAIL:-}" ] || {
    echo "no allocations that fail here"
    exit 77
}
export GOMP_SPINCOUNT=1000 CALR_THREADS=1 # so that it does not start itself once more
ulimit -c 0

# ends VARIABLE=NUMBER: whatever fails, it is no crash, and said.
ends() {
    checks=$((checks + 1))
    env LD_PRELOAD="$CALR_TEST_FAIL" "$1" "$CALR" --version >out.txt 2>err.txt
    status=$?
    [ $status -lt 128 ] || fault "with $1 it ends with $status"
    [ $status -eq 0 ] || holds -s err.txt
}

expect 0 env LD_PRELOAD="$CALR_TEST_FAIL" "$CALR" --version
survived=0
for number in $(seq 1 2 119) 200 300; do
    ends FAIL_AT="$number"
    [ $status -ne 0 ] || survived=$((survived + 1))
done
holds $survived -gt 30
for number in 1 5 20 100 200; do
    ends FAIL_FROM="$number"
    holds $status -ne 0
done
if "$CALR" info | grep -qi onednn; then
    ends FAIL_FROM=50
    says "calr: out of memory inside oneDNN"
fi

# oneDNN does not look at what posix_memalign gives for its plans.
cat >plan.lua <<'LUA'
local calr = require "calr"
local x, w = calr.ones(2, 9, 9, 16), calr.ones(32, 16, 3, 3)
local ok, y = pcall(calr.conv2d, x, w, { padding = 1, stride = 2 })
print(ok and y:sum():item() or y)
LUA
# plans VARIABLE=NUMBER
plans() {
    checks=$((checks + 1))
    env LD_PRELOAD="$CALR_TEST_FAIL" "$1" "$CALR" plan.lua >out.txt 2>err.txt
    status=$?
    [ $status -lt 128 ] || fault "with $1 it ends with $status"
}
computed=0
for number in $(seq 1 3 52); do
    plans FAIL_ALIGNED_AT="$number"
    ! grep -q '^1' out.txt || computed=$((computed + 1))
done
holds $computed -gt 9
for number in 5 12 20; do
    plans FAIL_ALIGNED_FROM="$number"
    holds "$(cat out.txt err.txt | grep -c 'memory')" -ge 1
done
finish
