# `calr discover`: from a folder of unlabelled images to persons, one command that goes on where it was stopped.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

expect 0 "$CALR" discover --help
prints "usage: calr discover DIR [-o OUT]" "clusters.csv (path, camera, person, similarity"

# Generated pedestrians, their identities forgotten: a folder a camera.
expect 0 "$CALR" data make street --folder street --ids 9 --test-ids 0 --cameras 2 --images 3 --gap 0.2 --distractors 0 --junk 0
count=0
for file in street/bounding_box_train/*.jpg; do
    name=${file##*_c}
    count=$((count + 1))
    mkdir -p "photos/door ${name%%s*}" && cp "$file" "photos/door ${name%%s*}/$(printf '%04d' $count).jpg"
done
touch photos/.DS_Store "photos/door 1/Thumbs.db" "photos/door 1/half.jpg.part"
echo "no image" >"photos/door 1/notes.txt"

# ---- what it would do
expect 0 "$CALR" discover photos --dry-run
prints "images    $count of 2 cameras (door 1, door 2)" "network   small, images of 64x32, random weights" \
    "clusters refined by pivot" "time      " " on this machine" "measured: a batch of" "tries)" "output    discovered/photos"
holds ! -e discovered

# ---- a file that is no image: named, nothing is left half done; then left out
head -c 300 "photos/door 1/0001.jpg" >"photos/door 1/torn.jpg"
words="epochs=2 intra.epochs=1 iterations=3 intra.iterations=2 --threads 2"
# shellcheck disable=SC2086
expect 1 "$CALR" discover photos -o found $words
says "torn.jpg"
holds ! -e found/data.lmdb
# shellcheck disable=SC2086
expect 0 "$CALR" discover photos -o found $words --skip-bad
says "left out door 1/torn.jpg"
holds "$(grep -c '^warning\|^note' err.txt)" -eq 0 # the settings are the command's own, and the images have no identities
prints " of $count images" "found/clusters.csv, found/persons.html, found/persons/, found/model.safetensors"
holds "$(wc -l <found/clusters.csv)" -eq $((count + 1))
contains found/clusters.csv "path,camera,person,similarity,why" "door 2/"
holds "$(find found/persons -name 'person-*.png' | wc -l)" -eq "$(tail -n +2 found/clusters.csv | cut -d, -f3 | sort -u | grep -c '^[0-9]')"
contains found/persons.html "<!DOCTYPE html>" "persons in " " of $count images</"
expect 0 "$CALR" export found/model.safetensors -o found/model.onnx
prints "small, images of 64x32, 128 features"

# ---- the same command once more: nothing is trained again, and the table is the same
cp found/clusters.csv before.csv
run=$(stat -c %Y.%s found/run/run.json)
# shellcheck disable=SC2086
expect 0 "$CALR" discover photos -o found $words --skip-bad
holds "$(stat -c %Y.%s found/run/run.json)" = "$run"
expect 0 cmp before.csv found/clusters.csv

# ---- stopped in the training, it goes on, and ends as it would have
rm "photos/door 1/torn.jpg"
# shellcheck disable=SC2086
expect 0 "$CALR" discover photos -o whole $words
rm -rf part && mkdir part
# shellcheck disable=SC2086
"$CALR" discover photos -o part $words >out.txt 2>err.txt &
pid=$!
for _ in $(seq 600); do
    ls part/run/checkpoints/*intra* >/dev/null 2>&1 && break
    sleep 0.05
done
kill -INT $pid
wait $pid
holds $? -eq 130
says "to go on: the same command again"
# shellcheck disable=SC2086
expect 0 "$CALR" discover photos -o part $words
expect 0 cmp whole/clusters.csv part/clusters.csv

# ---- weights of a run decide the network; one camera, whose clusters are not refined
mkdir flat && cp "photos/door 1"/*.jpg flat
expect 0 "$CALR" discover flat --weights whole/model.safetensors -o flat.out epochs=1 iterations=3
prints "of one camera" "network   small, images of 64x32, from " "1 epoch of 3 batches on clusters of all images"
holds "$(grep -c ',all,' flat.out/clusters.csv)" -eq "$(find flat -name '*.jpg' | wc -l)"
expect 0 "$CALR" discover photos --one-camera --dry-run
prints "of one camera"

# ---- refused
expect 2 "$CALR" discover
says "which folder?"
expect 2 "$CALR" discover nowhere
says "there is no folder nowhere"
mkdir empty && touch empty/.DS_Store
expect 1 "$CALR" discover empty
says "empty holds no images"
mkdir few && cp "photos/door 1/0001.jpg" few
expect 1 "$CALR" discover few
says "few holds 1 image; 20 at least are needed"
cp "photos/door 1/0001.jpg" photos
expect 1 "$CALR" discover photos
says "photos holds images (0001.jpg) and folders of images" "--one-camera"
rm photos/0001.jpg
expect 2 "$CALR" discover photos -o photos/found
says "lies among the images"
expect 2 "$CALR" discover flat -o whole
says "whole holds what was found in"
# shellcheck disable=SC2086
expect 2 "$CALR" discover photos -o whole ${words/epochs=2/epochs=3}
says "whole was begun with epochs=2, now it is 3"
# shellcheck disable=SC2086
expect 2 "$CALR" discover photos --one-camera -o whole $words
says "have changed since whole was begun"
cp "photos/door 1/0001.jpg" "photos/door 1/new.jpg"
# shellcheck disable=SC2086
expect 2 "$CALR" discover photos -o whole $words
says "have changed since whole was begun"
mkdir other && touch other/thesis.txt
expect 2 "$CALR" discover photos -o other
says "other holds something else"
expect 2 "$CALR" discover photos --weights nothing.pth
says "there are no weights nothing.pth"
expect 2 "$CALR" discover photos epoch=3
says 'unknown option "epoch" (did you mean "epochs"?)'
finish
