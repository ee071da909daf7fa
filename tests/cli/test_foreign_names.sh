# Names and texts of others: names of files that are not UTF-8 are refused by name before the work, by every command that
# writes them down; control characters in names, tables and metadata do not reach the terminal.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/retrieval.sh"

refused="is not text in UTF-8"
latin=$'\xe9t\xe9'
mkdir latin && cp pics/*.jpg latin && cp query.jpg "latin/$latin.jpg"
cp query.jpg "$latin.jpg"
cp street.lmdb "$latin.lmdb"
mkdir "in$latin"

# ---- images in a folder
for words in "extract --images latin -o x.npy" "search --gallery latin --query query.jpg" \
    "search --gallery pics --query latin"; do
    expect 1 "$CALR" $words --model model.safetensors
    says "the name \\xE9t\\xE9.jpg $refused" "rename it"
done
expect 1 "$CALR" discover latin -o found
says "the name \\xE9t\\xE9.jpg $refused"
expect 1 "$CALR" data import cameras latin -o latin.lmdb
says "the name \\xE9t\\xE9.jpg $refused"
holds -z "$(ls -d x.* found* latin.lmdb* 2>/dev/null)"

# ---- words of the command line, and the folder that it is in
for words in "extract --model model.safetensors -o x.npy --images" "search --model model.safetensors --gallery pics --query" \
    "evaluate --model model.safetensors --data" "discover" "data info" "run" "export -o x.onnx"; do
    expect 2 "$CALR" $words "$latin.lmdb"
    says "the word \\xE9t\\xE9.lmdb $refused"
done
cd "in$latin" || exit 1
expect 2 "$CALR" extract --model ../model.safetensors --images ../pics -o x.npy
says "in\\xE9t\\xE9, $refused"
expect 0 "$CALR" --version
expect 0 "$CALR" -e "print '$latin'"
cd .. || exit 1

# ---- a data set that a script wrote, and a table from elsewhere
expect 0 "$CALR" -e 'local w = calr.store.writer { path = "old.lmdb", name = "old" }
    local from = calr.store.open "street.lmdb"
    for i, split in ipairs { "train", "query", "gallery", "gallery" } do
      w:add { path = i .. "\xe9.jpg", identity = 1, camera = i, split = split, bytes = from:jpeg(i) }
    end
    w:commit()'
expect 1 "$CALR" extract --model model.safetensors --images old.lmdb -o x.npy
says "the name 1\\xE9.jpg $refused"
expect 1 "$CALR" search --model model.safetensors --gallery old.lmdb --query query.jpg
says "$refused"
expect 1 "$CALR" evaluate --model model.safetensors --data old.lmdb -o x.json
says "the name 2\\xE9.jpg $refused"
expect 0 "$CALR" extract --model model.safetensors --precision f32 --images pics -o pics.npy
{ echo name,identity,camera; for i in $(seq 22); do printf 'a%d\xe9,%d,%d\n' "$i" $((i % 4)) $((i % 3)); done; } >latin.csv
expect 1 "$CALR" search --gallery pics.npy --csv latin.csv --query pics.npy
says "latin.csv: the name of row 1, a1\\xE9, $refused" "iconv"
expect 1 "$CALR" evaluate --features pics.npy pics.npy --csv latin.csv latin.csv
says "latin.csv: the name of row 1, a1\\xE9, $refused"

# ---- control characters
clean() {
    checks=$((checks + 1))
    ! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' out.txt err.txt || fault "control characters after: $*"
}
printf 'name,identity,camera\n' >evil.csv
for i in $(seq 22); do printf '\033[2Ja%d,\033]0;x\007%d,\rcam%d\n' "$i" $((i % 4)) $((i % 3)); done >>evil.csv
sed -i 's/\r/\x08/' evil.csv
expect 2 "$CALR" search --gallery pics.npy --csv evil.csv --query $'\033[31m' --top 3
says 'no image "\x1B[31m"'
clean search by an absent name
expect 0 "$CALR" search --gallery pics.npy --csv evil.csv --query pics.npy --top 3 --ignore nothing
prints '\x1B[2Ja'
clean search
expect 0 "$CALR" evaluate --features pics.npy pics.npy --csv evil.csv evil.csv --by camera
prints '\x1B[2Ja'
clean evaluate
expect 0 "$CALR" -e '
    local state, about = calr.safetensors.load "model.safetensors"
    about.config = about.config:gsub("small", "\\u001b[31mred\\u0007\\u009b")
    calr.safetensors.save("evil.safetensors", state, about)
    state["\27[31mred"] = calr.ones { 1 }
    calr.safetensors.save("names.safetensors", state)
    local w = calr.store.writer { path = "evil.lmdb", name = "\27[31mred" }
    local from = calr.store.open "street.lmdb"
    for i, split in ipairs { "train", "query", "gallery", "gallery" } do
      w:add { path = i .. "\27[31m.jpg", identity = 1, camera = i, split = split, bytes = from:jpeg(i) }
    end
    w:commit()'
expect 1 "$CALR" extract --model evil.safetensors --images pics -o x.npy
says 'there is no network "\x1B[31mred\x07\x9B"'
clean extract
expect 0 "$CALR" extract --model names.safetensors network=small height=32 width=16 --images query.jpg -o names.npy
says 'left over in the file: '
clean extract, left-over names
expect 0 "$CALR" import-weights names.safetensors -o written.safetensors
clean import-weights
expect 0 "$CALR" data info evil.lmdb
prints '\x1B[31mred'
clean data info
expect 0 "$CALR" data verify evil.lmdb
clean data verify
expect 0 "$CALR" evaluate --model model.safetensors --data evil.lmdb
clean evaluate of a data set
expect 0 "$CALR" search --model model.safetensors --gallery evil.lmdb --query evil.lmdb
clean search of a data set
mkdir evil && cp pics/*.jpg evil && cp bad.jpg $'evil/\033[31m.jpg'
expect 1 "$CALR" extract --model model.safetensors --images evil -o x.npy
clean extract of a bad image
expect 0 "$CALR" extract --model model.safetensors --images evil -o x.npy --skip-bad
says 'left out image "evil/\x1B[31m.jpg"'
clean extract without a bad image

# ---- a run on such names: its log, its pages and its tables show them, valid and without control characters
expect 0 "$CALR" -e '
    local from = calr.data.open "street.lmdb"
    for name, mark in pairs { latin = "\xe9", evil = "\27[31m\7<b>" } do
      local w = calr.store.writer { path = name .. ".run.lmdb", name = name .. mark }
      for _, split in ipairs { "train", "query", "gallery" } do
        local images = from[split](from)
        for i = 1, images:count() do
          w:add { path = split .. i .. mark .. ".jpg", identity = images:identities():get(i),
            camera = images:cameras():get(i), split = split, bytes = images:jpeg(i) }
        end
      end
      w:commit()
    end'
for name in latin evil; do
    expect 0 "$CALR" "$CALR_TEST_SOURCE/experiments/calr.lua" data=$name.run.lmdb weights=names.safetensors network=small \
        height=32 width=16 epochs=1 iterations=2 intra.epochs=1 intra.iterations=2 infomap.k=4 snapshot_every=1 \
        --quiet --out $name.run
    expect 0 "$CALR" report $name.run
    expect 0 "$CALR" draw $name.run
    expect 0 "$CALR" draw $name.run -o $name.png
    expect 0 "$CALR" why $name.run '#0' -o $name.html
    expect 0 "$CALR" data show $name.run.lmdb -o $name.sheet.html
    expect 0 "$CALR" refine $name.run/snapshots/epoch-000.safetensors pivot
    clean refine
    for page in $name.run/log.txt $name.run/report.html $name.run/pictures.html $name.html $name.sheet.html; do
        expect 0 iconv -f utf-8 -t utf-8 $page -o /dev/null
        checks=$((checks + 1))
        ! LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f\x7f]' $page || fault "control characters in $page"
    done
    expect 0 iconv -f utf-8 -t utf-8 $name.run/queries.csv
    expect 0 iconv -f utf-8 -t utf-8 $name.run/run.json
done
contains evil.run/log.txt 'weights: ' '\x1B[31mred'
contains evil.run/report.html 'query1\\x1B[31m\\x07'
contains evil.html 'train1\\x1B[31m\\x07'
contains evil.sheet.html '\x1B[31m\x07&lt;b&gt;.jpg'
contains latin.run/report.html 'query1\\xE9.jpg'
contains latin.run/queries.csv 'query1\xE9.jpg'
expect 0 "$CALR" why latin.run 'train1\xE9.jpg' # as messages and pages call it
prints 'image     train1\xE9.jpg, row 0'
finish
