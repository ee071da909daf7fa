# 8 workers of a study that are killed at random moments: every trial ends exactly once, with the right result.
# CALR_KILL_SECONDS (8) is how long the killing goes on, for a grid and for a search; CALR_KILL_SEED makes it other
# moments.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
seconds=${CALR_KILL_SECONDS:-8} seed=${CALR_KILL_SEED:-$RANDOM}
for kind in grid search; do
    expect 0 "$CALR" run "$CALR_TEST_SOURCE/tests/kill/driver.lua" dir=$kind kind=$kind seconds="$seconds" \
        trials=$((seconds * 10)) seed="$seed"
    prints "$kind, " "ends fenced"
    cat out.txt
done
finish
