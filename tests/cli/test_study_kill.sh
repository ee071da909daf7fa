# 8 workers of a study that are killed at random moments: every trial ends exactly once, with the right result.
# CALR_KILL_SECONDS (10) is how long the killing goes on; CALR_KILL_SEED makes it other moments.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
seconds=${CALR_KILL_SECONDS:-10} seed=${CALR_KILL_SEED:-$RANDOM}
expect 0 "$CALR" run "$CALR_TEST_SOURCE/tests/kill/driver.lua" seconds="$seconds" trials=$((seconds * 10)) seed="$seed"
prints "ends fenced"
cat out.txt
finish
