# Every study that comes with calr: its plan is sound, and those that bring code of their own run, on little data.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
studies=$CALR_TEST_SOURCE/experiments
expect 0 "$CALR" data make street -o small.lmdb --ids 8 --cameras 2 --images 3 --test-ids 5 --distractors 4 --junk 2 \
    --height 64 --width 32
small=(data=small.lmdb height=32 width=16 epochs=2 iterations=2 clusters=4 instances=2 infomap.min_size=2
    infomap.min_similarity=0.0 intra.epochs=1 intra.iterations=2 intra.k1=8 intra.k2=2 intra.clusters_per_batch=4
    intra.instances=2)

# plan STUDY TRIALS: how many trials its dry run counts, without starting any.
plan() {
    local name=${1#*/}
    expect 0 "$CALR" study "$studies/$1.lua" --dry-run "${small[@]}" --out "dry/$name"
    checks=$((checks + 1))
    awk '$2 ~ /^(ablate|grid|search|confirm)$/ { n += $(NF - 2) } END { exit n != '"$2"' }' out.txt ||
        fault "$1 does not plan $2 trials"
    holds ! -d "dry/$name/journals"
}
plan ablations/components 54
plan ablations/pivots 30
plan ablations/rules 42
plan ablations/paces 18
plan ablations/clusterers 24
plan ablations/alignment 30
plan ablations/oracles 24
plan sweeps/neighbours 60
plan sweeps/temperature 60
plan sweeps/alignment_weight 30
plan sweeps/local_clusters 42
plan sweeps/search 85
holds "$(ls "$studies"/ablations/*.lua "$studies"/sweeps/*.lua | wc -l)" -eq 12

# run_study STUDY ROWS [WORD...]: one seed of it; every row finishes, and the table has it.
run_study() {
    local name=${1#*/} rows=$2
    expect 0 "$CALR" study "$studies/$1.lua" "${small[@]}" --seeds 1 --threads 1 "${@:3}"
    checks=$((checks + 1))
    [ "$(cat "studies/$name"/journals/*.jsonl | grep -c '"state":"finished"')" -eq "$rows" ] ||
        fault "$1 does not finish $rows trials"
}
run_study ablations/components 8 # one row is in both of its parts
prints "Baseline" "CALR" "label-free" "best on test"
run_study ablations/pivots 5
run_study ablations/rules 7
run_study ablations/paces 3
run_study ablations/clusterers 4 global_clusters=10 jaccard.k1=8 jaccard.k2=2 dbscan.eps=0.7 dbscan.min_samples=2
run_study ablations/oracles 4
prints "perfect local clusters" "perfect discards" "perfect global clusters"
# Each oracle is perfect in its part, in every epoch.
for pair in locals:locals clusters:global discards:refined; do
    metrics=$(dirname "$(grep -l "\"oracle\": \"${pair%:*}\"" studies/oracles/trials/*/1/run/run.json)")/metrics.jsonl
    holds "$(grep '"stage":"inter"' "$metrics" |
        grep -c "\"${pair#*:}\":{[^}]*\"precision\":1[,.}]")" -eq 2
done
# Rules and paces that are files did something.
contains "$(grep -l majority studies/pivots/trials/*/1/run/run.json)" '"status": "finished"'
contains "$(dirname "$(grep -l majority studies/pivots/trials/*/1/run/run.json)")/metrics.jsonl" "of a smaller local cluster"
contains "$(grep -l rules/late.lua studies/paces/trials/*/1/run/run.json)" '"status": "finished"'

# Stage 1 is the same in all rows of the scripts, and was computed once. An option of one's own counts, in doubt.
holds "$(ls street-stage-1 | wc -l)" -eq 5

# Without data of one's own the studies make theirs.
mkdir fresh && cd fresh || exit 1
expect 2 "$CALR" study "$studies/ablations/paces.lua" --seeds 1 --trial none
says "no trial none"
expect 0 "$CALR" data info street.lmdb
prints "2,302"
finish
