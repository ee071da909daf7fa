# calr why: an image's label by epoch, as text, page and picture; labels from snapshots; what there is not.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
expect 0 "$CALR" data make street -o street.lmdb --ids 6 --test-ids 4 --cameras 3 --images 3 --distractors 4 --junk 2 \
    --height 64 --width 32
small="data=street.lmdb height=32 width=16 epochs=2 iterations=2 clusters=4 infomap.k=6 infomap.min_similarity=0.1
    infomap.min_size=2 intra.epochs=1 intra.iterations=1 intra.clusters_per_batch=4 intra.k1=8 intra.per_cluster=3"
calr_script=$CALR_TEST_SOURCE/experiments/calr.lua
# shellcheck disable=SC2086
expect 0 "$CALR" run "$calr_script" $small --out run
holds "$(ls run/labels | tr '\n' ' ')" = "epoch-000.safetensors epoch-001.safetensors "

# ---- the story
expect 0 "$CALR" why run '#0'
prints "image     " ", row 0" "local     cluster " "what became of it" "pivot" " of 2 epochs" "nearest images in epoch 1" "cosine"
cp out.txt story.txt
image=$(sed -n 's/^image     \(.*\), row 0$/\1/p' story.txt)
expect 0 "$CALR" why run "$image" # by its path, and by its name
cmp -s out.txt story.txt || fault "the path gives another story than the row"
expect 0 "$CALR" why run "${image##*/}" --epoch 0
prints "nearest images in epoch 0"
expect 0 "$CALR" why run/ '#3' -o why.html
prints "why.html (" "what became of it"
contains why.html '"kind":"why"' "data:image/jpeg;base64,"
expect 0 "$CALR" why run '#3' --out why.png
holds "$(head -c 4 why.png | tail -c 3)" = PNG

# ---- the same from the snapshots of a run without labels
# shellcheck disable=SC2086
expect 0 "$CALR" run "$CALR_TEST_SOURCE/experiments/baseline.lua" data=street.lmdb height=32 width=16 epochs=2 iterations=2 \
    clusters=4 infomap.k=6 infomap.min_similarity=0.1 infomap.min_size=2 labels_every=0 snapshot_every=1 --out plain
holds ! -e plain/labels
expect 0 "$CALR" why plain '#0'
prints "in a cluster" "nearest images in epoch 1"
rm -r plain/snapshots
expect 2 "$CALR" why plain '#0'
says "the run in plain kept no labels: train with labels_every=1"
cp err.txt why.txt
expect 2 "$CALR" draw plain --what clusters # says the same
holds "$(cmp err.txt why.txt && echo same)" = same
expect 0 "$CALR" draw plain --what clusters,cameras
says "no galleries of clusters: $(sed 's/^calr: //' why.txt)"

# ---- wrong usage, and what there is not
expect 0 "$CALR" why --help
prints "usage: calr why RUN IMAGE" "--epoch N"
expect 2 "$CALR" why
says "which run?"
expect 2 "$CALR" why run
says "which image?"
expect 2 "$CALR" why nowhere x.jpg
says "there is no run folder nowhere"
expect 2 "$CALR" why street.lmdb x.jpg
expect 2 "$CALR" why run "x${image##*/}"
says "no image that the run trains on is called" "did you mean ${image##*/}?"
expect 2 "$CALR" why run '#100000'
says "there is no row #100000"
expect 2 "$CALR" why run '#0' --epoch 7
says "kept no labels of epoch 7; there are those of epoch 0 to 1"
expect 2 "$CALR" why run '#0' --epoch x
says "--epoch must be a whole number"
expect 2 "$CALR" why run '#0' -o why.txt
says "must end in .html or .png"
expect 2 "$CALR" why run '#0' -o nowhere/why.html
says "there is no folder nowhere"
mkdir folder.png
expect 2 "$CALR" why run '#0' -o folder.png
says "folder.png is a folder"
holds "$(find . -name '*.tmp-*' | wc -l)" -eq 0
printf 'x' >run/labels/epoch-001.safetensors
expect 1 "$CALR" why run '#0'
says "run/labels/epoch-001.safetensors"
mv street.lmdb elsewhere.lmdb
expect 1 "$CALR" why run '#0'
says "street.lmdb is gone: its images are needed"
finish
