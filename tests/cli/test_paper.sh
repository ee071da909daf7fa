# The scripts of experiments/paper: each table of the paper is one command, at small scale here.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
paper=$CALR_TEST_SOURCE/experiments/paper
expect 0 "$CALR" data make street -o small.lmdb --ids 8 --cameras 2 --images 3 --test-ids 4 --distractors 2 --junk 2 \
    --height 32 --width 16 --gap 0.25
tiny=data=small.lmdb
shared=height=32,width=16,epochs=1,iterations=1,clusters=4
more=$shared,intra.epochs=1,intra.iterations=1,intra.clusters_per_batch=4

# The comparison: every method into a folder of its own, a table with the published figures, nothing done twice.
compare=("$CALR" "$paper/comparison.lua" $tiny seeds=1,2 only=Baseline,CALR
    repeated=Baseline "more=$shared")
expect 1 "${compare[@]/only=*/only=Nothing}" dir=none
says "no such method"
expect 0 "${compare[@]}" dir=compared
prints "Baseline" "2  " "82.8" "Published figures have other settings"
holds "$(ls compared | wc -l)" -eq 3
expect 0 "${compare[@]}" dir=compared
prints "is finished already"

# The ablation of the components, and one study of a hyper-parameter; finished trials are not run again.
expect 0 "$CALR" "$paper/components.lua" $tiny seeds=1 "more=$more" dir=components
prints "Baseline" "+ refinement" "without refinement" "Published figures" "82.8" "Published figures have other settings"
expect 0 "$CALR" "$paper/components.lua" $tiny seeds=1 "more=$more" dir=components
prints "Baseline" "Published figures"
holds "$(ls components/trials | wc -l)" -eq 8
expect 1 "$CALR" "$paper/parameters.lua" $tiny only=temprature
says "there is no such study"
expect 0 "$CALR" "$paper/parameters.lua" $tiny only=temperature seeds=1 "more=$more" dir=parameters
prints "temperature" "Published figures have other settings"

# The figures: quality by epoch, and the pictures of the run.
expect 0 "$CALR" "$paper/figures.lua" $tiny dir=figures \
    "more=$more,infomap.k=6,infomap.min_size=2,infomap.min_similarity=0.1"
prints "Quality of the clusters" "refined" "expansion"
contains figures/figures.html "<html"
finish
