# The methods under experiments/ that are not CALR: each learns on little data, resumes, and says what is wrong.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
experiments=$CALR_TEST_SOURCE/experiments
expect 0 "$CALR" data make street -o small.lmdb --ids 8 --cameras 2 --images 3 --test-ids 4 --distractors 2 --junk 2 \
    --height 32 --width 16 --gap 0.25
small=(data=small.lmdb height=32 width=16 epochs=3 iterations=4 clusters=4 instances=2)

# stopped NAME WORD...: the experiment as it is, and once more stopped in its second epoch and resumed: the same metrics.
stopped() {
    local name=$1
    shift
    holds "$(wc -l <"$experiments/$name.lua")" -lt 120
    sed 's/^for [a-z_]*, step in \(.*\) do$/for epoch, step in \1 do\n  if epoch == 1 and not calr.sys.exists "again" then error "stop here" end/' \
        "$experiments/$name.lua" >"$name.lua"
    touch again
    expect 0 "$CALR" run "$name.lua" "${small[@]}" "$@" --out "$name-whole"
    rm again
    expect 1 "$CALR" run "$name.lua" "${small[@]}" "$@" --out "$name-parts"
    says "stop here"
    touch again
    expect 0 "$CALR" run --resume "$name-parts"
    rm again
    expect 0 cmp "$name-whole/metrics.jsonl" "$name-parts/metrics.jsonl"
}

# ---- the supervised baseline
stopped supervised milestones=2 warmup=1 lr_by=iteration center=0.001
contains supervised-whole/metrics.jsonl '"losses":{"center":' '"triplet":' '"untrained":{"mAP"' '"rank1":'
# It learns: the last epoch's cross-entropy is below the first one's.
last_of "${small[@]}" epochs=4 iterations=8 lr=0.003 milestones=3 warmup=0 triplet=0
expect 0 "$CALR" run "$experiments/supervised.lua" "${words[@]}" --out plain
holds "$(grep -c '"losses"' plain/metrics.jsonl)" -eq 0
checks=$((checks + 1))
grep -o '"loss":[0-9.]*' plain/metrics.jsonl | cut -d: -f2 | awk 'NR == 1 { first = $1 } { last = $1 }
    END { exit !(last < 0.9 * first) }' || fault "the supervised baseline learns nothing"
expect 2 "$CALR" run "$experiments/supervised.lua" "${small[@]}" smoothing=2
says 'option "smoothing" must be 0 to 1; 2.0 is not'
expect 2 "$CALR" run "$experiments/supervised.lua" "${small[@]}" infomap.k=9
says 'unknown option "infomap.k"'
expect 2 "$CALR" run "$experiments/supervised.lua" "${small[@]}" warmup=9
says 'option "warmup" must be below epochs = 3; 9 is not'

# ---- the mean teacher with soft pseudo-labels
graph=(infomap.min_size=2 infomap.min_similarity=0.0 infomap.k=6)
stopped mean_teacher "${graph[@]}" soft_share=0.7 optimizer=adamw schedule=cosine
contains mean_teacher-whole/metrics.jsonl '"losses":{"consistency":' '"teacher":{"mAP"'
# Its targets come from the rule: without a soft part they are the labels, and the loss another one.
expect 0 "$CALR" run "$experiments/mean_teacher.lua" "${small[@]}" "${graph[@]}" soft_share=0 optimizer=adamw \
    schedule=cosine --out hard
holds "$(sed -n 1p hard/metrics.jsonl | grep -o '"loss":[0-9.]*')" != \
    "$(sed -n 1p mean_teacher-whole/metrics.jsonl | grep -o '"loss":[0-9.]*')"
# Clusters weigh by their cameras where that is asked for.
expect 0 "$CALR" run "$experiments/mean_teacher.lua" "${small[@]}" "${graph[@]}" soft_share=0 optimizer=adamw \
    schedule=cosine camera_weights_from=0 --out weighted
holds "$(sed -n 1p hard/metrics.jsonl | grep -o '"loss":[0-9.]*')" != \
    "$(sed -n 1p weighted/metrics.jsonl | grep -o '"loss":[0-9.]*')"
expect 0 "$CALR" run "$experiments/mean_teacher.lua" "${small[@]}" "${graph[@]}" refine=none consistency=0 --out bare
expect 2 "$CALR" run "$experiments/mean_teacher.lua" "${small[@]}" soft_share=3
says 'option "soft_share" must be 0 to 1; 3.0 is not'
# A teacher of another architecture is named before the first batch.
sed 's/local teacher      = .*/local teacher = calr.nn.mean_teacher(calr.models.small { width = 8 })/' \
    "$experiments/mean_teacher.lua" >other.lua
expect 1 "$CALR" run other.lua "${small[@]}" "${graph[@]}"
says "other.lua:" "the teacher is of another architecture than the network"
finish
