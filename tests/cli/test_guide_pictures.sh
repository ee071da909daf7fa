# The commands of docs/guide/pictures.md, in their order, on a run that takes no time.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
guide=$CALR_TEST_SOURCE/docs/guide/pictures.md
mkdir -p build && ln -s "$CALR" build/calr && ln -s "$CALR_TEST_SOURCE/experiments" experiments
small=(height=32 width=16 epochs=2 iterations=2 clusters=4 instances=2 infomap.k=6 infomap.min_size=2 infomap.min_similarity=0.0
    intra.epochs=1 intra.iterations=2 intra.k1=8 intra.k2=2 intra.clusters_per_batch=4 intra.instances=2)

is_png() { holds "$(head -c 4 "$1" | tail -c 3)" = PNG; }

commands=0
while IFS= read -r line; do
    commands=$((commands + 1))
    eval "words=($line)"
    case $line in
    *"data make"*) words+=(--ids 6 --test-ids 4 --distractors 4 --junk 2 --cameras 3 --images 4) ;;
    *" run experiments"*) last_of "${words[@]}" "${small[@]}" ;;
    esac
    expect 0 "${words[@]}"
    case $line in
    *"draw run") contains run/pictures.html '"kind":"pictures"' '"tsne":{' '"clusters":{' '"ranked":{' '"cameras":{' ;;
    *"--what tsne"*) is_png tsne.png ;;
    *"clusters -o"*) is_png clusters.png ;;
    *"--epoch 0 -o"*) is_png first.png ;;
    *"ranked,cameras"*) is_png ranked.png ;;
    *"why run 0001"*) prints "what became of it" "nearest images in epoch 1" ;;
    *"'#9' --epoch 0") prints "row 9" "nearest images in epoch 0" ;;
    *why.html) contains why.html '"kind":"why"' ;;
    *why.png) is_png why.png ;;
    esac
done < <(grep '^build/calr ' "$guide")
holds $commands -eq 11
holds -s run/pictures/plane.safetensors -a -s run/pictures/ranking.safetensors

# The pictures of the page are there, and small.
for name in $(sed -n 's/.*(\.\.\/images\/\([a-z.]*\)).*/\1/p' "$guide"); do
    holds -s "$CALR_TEST_SOURCE/docs/images/$name"
    holds "$(wc -c <"$CALR_TEST_SOURCE/docs/images/$name")" -lt 200000
done

# ---- the report holds them too; without them it does not
expect 0 "$CALR" report run
contains run/report.html '"pictures":{' '"tsne":{'
holds "$(wc -c <run/report.html)" -lt 5000000
expect 0 "$CALR" report run --no-images -o bare.html
holds "$(grep -c '"pictures":{' bare.html)" -eq 0

# ---- wrong usage, and what there is not
expect 0 "$CALR" draw --help
prints "usage: calr draw RUN" "--what LIST"
expect 2 "$CALR" draw
says "which run?"
expect 2 "$CALR" draw nowhere
says "there is no run folder nowhere"
expect 2 "$CALR" draw run --what tsn
says "there is no picture \"tsn\" (did you mean \"tsne\"?); there are: tsne, clusters, ranked, cameras"
expect 2 "$CALR" draw run --what ,
says "--what names no picture"
expect 2 "$CALR" draw run -o x.pdf
says "must end in .html or .png"
expect 2 "$CALR" draw run --epoch 9
says "kept no labels of epoch 9"
expect 2 "$CALR" draw run --points 3
says "--points must be a whole number from 12"
expect 2 "$CALR" draw run -o nowhere/x.html
says "there is no folder nowhere"
holds "$(find . -name '*.tmp-*' | wc -l)" -eq 0

# ---- a data set without identities; a run whose data set is gone; one whose network is a file
mkdir flat
expect 0 "$CALR" data make street --folder persons --ids 4 --test-ids 2 --cameras 2 --images 4
for camera in 1 2; do
    mkdir flat/c$camera
    cp persons/bounding_box_train/*_c${camera}s* flat/c$camera/
done
expect 0 "$CALR" data import cameras flat -o own.lmdb
tiny=(height=32 width=16 epochs=1 iterations=2 clusters=4 instances=2 infomap.k=6 infomap.min_size=2 infomap.min_similarity=0.0)
echo 'return function(options) return require("calr").models.small { width = 4, seed = options.seed } end' >net.lua
expect 0 "$CALR" run experiments/baseline.lua data=own.lmdb network=./net.lua "${tiny[@]}" --out own
expect 0 "$CALR" draw own --trust
says "note: no ranked lists: " "cannot be ranked"
contains own/pictures.html '"nearest":{' '"clusters":{' '"tsne":{'
rm -r own/pictures
expect 0 "$CALR" draw own network=./net.lua --quiet --threads 1 --what tsne
holds ! -s err.txt
expect 2 "$CALR" draw own own
says "\"own\" is one word too many"
expect 2 "$CALR" draw run netwrk=./net.lua
says "a model has no option \"netwrk\"" "did you mean \"network\"?"
rm -r own/pictures
expect 0 "$CALR" draw own --what tsne,clusters
says "note: no t-SNE: " "would run as code"
mv own.lmdb elsewhere.lmdb
expect 1 "$CALR" draw own
says "there is nothing to draw" "own.lmdb is gone"
expect 0 "$CALR" report own
contains own/report.html "own.lmdb is gone"
finish
