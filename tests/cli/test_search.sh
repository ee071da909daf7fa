# calr search: galleries of all kinds, queries of all kinds, lists and strips, the query itself, what it refuses.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/retrieval.sh"

search() { "$CALR" search --model model.safetensors --precision f32 "$@"; }

# ---- a folder: names, distances as calr.rank.topk gives them
expect 0 search --gallery pics --query query.jpg --top 4
prints "query.jpg" "distance" "1 query in 22 images of pics" "(exact)"
expect 0 search --gallery pics --query query.jpg --top 4 -o hits.json
prints "1 query in 22 images of pics" "(exact)" "hits.json"
holds "$(grep -c distance out.txt)" -eq 0 # the lists are in the file
expect 0 "$CALR" -e '
    local found = calr.json.decode(require "calr.sys".read_file "hits.json").queries[1]
    local model, data = calr.trained.open "model.safetensors", calr.data.open "street.lmdb"
    local top = calr.rank.topk { query = model:features(data:query()):narrow(1, 1, 1):contiguous(),
      gallery = model:features(data:gallery()), k = 4 }
    for r, hit in ipairs(found.hits) do
      assert(tonumber(hit.name:match "(%d+)%.jpg") == top.indices:get(1, r) + 1, hit.name)
      assert(math.abs(hit.distance - top.distances:get(1, r)) < 1e-4 and hit.rank == r and hit.match == nil)
    end
    print(#found.hits, found.query)'
prints "4	query.jpg"

# ---- a data set: identities, what is ignored; all its queries; by name; CSV; a page of pictures
expect 0 search --gallery street.lmdb --query street.lmdb --top 22 -o hits.csv --strip hits.html
prints "14 queries in 22 images of street.lmdb (gallery)" "hits.html"
expect 0 "$CALR" -e '
    local rows = calr.csv.load "hits.csv"
    local data = calr.data.open "street.lmdb"
    local query, gallery, ids, cams = data:query(), data:gallery(), {}, {}
    for i = 1, query:count() do ids[query:path(i)], cams[query:path(i)] = query:identities():get(i), query:cameras():get(i) end
    local seen = {}
    for i, name in ipairs(rows.query) do
      local same = rows.identity:get(i) == ids[name]
      assert(rows.match[i] == tostring(same), "match")
      assert(not (same and rows.camera:get(i) == cams[name]), "own camera is left out")
      assert(gallery:path(rows.row:get(i)) == rows.image[i])
      seen[name] = (seen[name] or 0) + 1
    end
    for i = 1, query:count() do
      local own = 0
      for g = 1, gallery:count() do
        if gallery:identities():get(g) == ids[query:path(i)] and gallery:cameras():get(g) == cams[query:path(i)] then own = own + 1 end
      end
      assert(seen[query:path(i)] == 22 - own)
    end
    print(rows.query[1])'
prints "query/"
expect 0 search --gallery street.lmdb --query street.lmdb --top 22
prints "same"
contains hits.html 'class="green"' 'class="red"' "data:image/jpeg;base64," "<h2>query/"
name=$(sed -n '2s/,.*//p' hits.csv)
expect 0 search --gallery street.lmdb --query "$name" --top 3 --strip hits.png --height 64 --ignore nothing
prints "$name (identity " "hits.png"
expect 0 "$CALR" -e 'local p = calr.image.load_png "hits.png"
    local colours = {}
    for x = 1, p:size(2) do colours[("%d %d %d"):format(p:get(20, x, 1), p:get(20, x, 2), p:get(20, x, 3))] = true end
    print(p:size(1), colours["0 158 96"] or colours["213 30 30"])'
prints "98	true"

# ---- features: those of calr extract, without a model when the query is among them; the pictures come from the images
expect 0 "$CALR" extract --model model.safetensors --precision f32 --images pics -o pics.npy
expect 0 search --gallery pics.npy --query query.jpg --top 4 --json --strip features.png
cp out.txt features.json
expect 0 "$CALR" -e '
    local read = function(path) return calr.json.decode(require "calr.sys".read_file(path)).queries[1].hits end
    local a, b = read "features.json", read "hits.json"
    for r, hit in ipairs(b) do assert(hit.name == a[r].name and math.abs(hit.distance - a[r].distance) < 1e-4) end
    print(#a)'
prints "4"
expect 0 "$CALR" search --gallery pics.npy --query inside/02.jpg --top 2
says "inside/02.jpg is itself in the gallery (row " "): it is left out of its list (--keep-self keeps it)"
prints "inside/02.jpg"
expect 0 "$CALR" search --gallery pics.npy --query inside/02.jpg --top 2 --keep-self --json
says "it is in its list"
prints '"distance": 0'
expect 0 "$CALR" search --gallery pics.npy --query pics.npy --top 1
prints "22 queries in 22 images of pics.npy"
expect 0 "$CALR" extract --model model.safetensors --precision f32 --images street.lmdb -o all.npy
expect 0 "$CALR" search --gallery all.npy --query all.npy --top 3 --strip all.html
prints "14 queries in 24 images of all.npy" "same"
contains all.html 'class="red"'
expect 0 "$CALR" search --gallery all.npy --query all.npy --split train --top 3
prints "images of all.npy"
expect 0 search --gallery all.npy --query "$name" --top 3
prints "$name (identity"

# ---- a query that is in the gallery under another name
cp pics/05.jpg copy.jpg
expect 0 search --gallery pics --query copy.jpg pics/05.jpg query.jpg --top 22
says "copy.jpg is itself in the gallery" "pics/05.jpg is itself in the gallery"
holds "$(grep -c "is itself" err.txt)" -eq 2
holds "$(grep -c "05.jpg  " out.txt)" -eq 1 # query.jpg finds it

# ---- re-ranked, approximate, more than there is, one image
expect 0 search --gallery pics --query query.jpg --rerank --top 3
prints "(re-ranked)"
expect 0 search --gallery pics --query query.jpg --approximate --recall 1 --top 4 --json
prints '"searched": "approximate, recall 1.000"'
cp out.txt approximate.json
expect 0 "$CALR" -e '
    local read = function(path) return calr.json.decode(require "calr.sys".read_file(path)).queries[1].hits end
    for r, hit in ipairs(read "hits.json") do assert(read "approximate.json"[r].name == hit.name) end'
expect 0 search --gallery pics --query query.jpg --top 1000 --approximate
prints "22  "
mkdir single && cp pics/01.jpg single
expect 0 search --gallery single --query query.jpg --rerank --strip one.png
prints "01.jpg" "1 query in 1 image "
expect 0 search --gallery single --query pics/01.jpg --strip one.png
prints "nothing found: no entry of the gallery is left"
expect 0 search --gallery query.jpg --query pics --top 1
prints "22 queries in 1 image of query.jpg"
cp bad.jpg single/
expect 1 search --gallery single --query query.jpg
says 'image "single/bad.jpg"'
expect 0 search --gallery single --query query.jpg --skip-bad
says 'left out image "single/bad.jpg"'
prints "1 query in 1 image of single"

# ---- an index that is kept: made once, of these features only
expect 0 search --gallery pics.npy --query query.jpg --top 4 --index pics.index --recall 1 --json
says "index of 22 rows made in"
cp out.txt kept.json
expect 0 search --gallery pics.npy --query query.jpg --top 4 --index pics.index --recall 1 --json
holds -z "$(grep "made in" err.txt)"
prints '"searched": "approximate, recall 1.000"'
cp out.txt read.json
expect 0 "$CALR" -e '
    local read = function(path) return calr.json.decode(require "calr.sys".read_file(path)).queries[1].hits end
    for r, hit in ipairs(read "hits.json") do
      assert(read "kept.json"[r].name == hit.name and read "read.json"[r].name == hit.name)
    end'
expect 1 search --gallery all.npy --query query.jpg --index pics.index
says "the index pics.index is of other features than all.npy: it was made of pics.npy (22 x 128)"
expect 0 search --gallery all.npy --query query.jpg --index all.index
expect 1 search --gallery all.npy --query query.jpg --index all.index --split all
says "the index all.index is of other features than all.npy"
expect 1 search --gallery pics.npy --query query.jpg --index model.safetensors
says "model.safetensors is no index of calr search"
expect 1 search --gallery pics.npy --query query.jpg --index query.jpg
says "query.jpg is no index of calr search"
head -c 3000 pics.index >cut.index
expect 1 search --gallery pics.npy --query query.jpg --index cut.index
says "cut.index"
expect 1 bash -c "ulimit -f 8; exec '$CALR' search --gallery pics.npy --query inside/02.jpg --index full.index"
says "full.index"
holds -z "$(ls full.index* 2>/dev/null)"
expect 2 search --gallery pics --query query.jpg --index x.index
says "--index keeps the index of features: extract those of pics first"
expect 2 search --gallery pics.npy --query query.jpg --index absent/x.index
says "there is no folder absent"
expect 2 search --gallery pics.npy --query query.jpg --index x.index --rerank
says "cannot be combined with --index"

# ---- an index is measured for 128 neighbours: a longer list, or a higher recall, of few queries is an exact search; of
# many queries, for which that would take longer, the index is measured once more
expect 0 "$CALR" -e 'for name, rows in pairs { long = 700, many = 300, few = 20 } do
      calr.npy.save(name .. ".npy", calr.randn({ rows, 16 }, { generator = calr.rng.open { seed = rows } }))
    end'
expect 0 "$CALR" search --gallery long.npy --query few.npy --index long.index
prints "(approximate, recall "
expect 0 "$CALR" search --gallery long.npy --query few.npy --index long.index --recall 0.5
prints "(approximate, recall 0.9" # what the index is measured for serves a lower recall too
for top in 100 300 700; do
    expect 0 "$CALR" search --gallery long.npy --query few.npy --top $top -o slow.json
    expect 0 "$CALR" search --gallery long.npy --query few.npy --top $top --index long.index -o fast.json
    [ $top = 100 ] || prints "(exact, as the index is measured for 128 neighbours)"
    [ $top = 100 ] || expect 0 cmp <(grep -v '"searched"\|"seconds"' slow.json) <(grep -v '"searched"\|"seconds"' fast.json)
done
expect 0 "$CALR" search --gallery long.npy --query few.npy --index long.index --recall 0.999
prints "(exact, as the index is measured for a recall of 0.98)"
expect 0 "$CALR" search --gallery long.npy --query many.npy --top 300 --index long.index
prints "(approximate, recall "

# ---- while features, table and index are what they were, the features are not read: the index has what a search needs
cat >same.lua <<'LUA'
local function lists(path)
  local found = calr.json.decode(require "calr.sys".read_file(path))
  for _, list in ipairs(found.queries) do
    for _, hit in ipairs(list.hits) do hit.distance = ("%.5f"):format(hit.distance) end
  end
  return calr.json.encode(found.queries)
end
assert(lists "slow.json" == lists "fast.json", lists "slow.json" .. "\n" .. lists "fast.json")
LUA
sed '1!s/,\([0-9-]*\),\([0-9]*\),/,person \1,door \2,/' all.csv >words.csv
for table in all.csv words.csv; do
    for split in "" "--split query"; do
        rm -f kept.index
        for query in "$name query.jpg street.lmdb" "all.npy --ignore camera"; do
            # shellcheck disable=SC2086
            expect 0 search --gallery all.npy --csv $table $split --top 4 --recall 1 --approximate -o slow.json --query $query
            # shellcheck disable=SC2086
            expect 0 search --gallery all.npy --csv $table $split --top 4 --recall 1 --index kept.index -o fast.json \
                --query $query
            # shellcheck disable=SC2086
            expect 0 search --gallery all.npy --csv $table $split --top 4 --recall 1 --index kept.index -o fast.json \
                --query $query
            expect 0 "$CALR" -e "dofile 'same.lua'"
        done
    done
done
expect 0 search --gallery all.npy --query query.jpg --top 4 --recall 1 --index times.index -o slow.json
cp all.npy whole.npy && cp all.csv whole.csv && size=$(stat -c %s all.npy)
touch all.npy # another time, the same numbers: they are read and compared, and the index takes note
expect 0 search --gallery all.npy --query query.jpg --top 4 --recall 1 --index times.index -o fast.json
expect 0 "$CALR" -e "dofile 'same.lua'"
touch -r all.npy stamp && head -c "$size" /dev/zero >all.npy && touch -r stamp all.npy # the same time: not read
expect 0 search --gallery all.npy --query query.jpg --top 4 --recall 1 --index times.index -o fast.json
expect 0 "$CALR" -e "dofile 'same.lua'"
touch all.npy
expect 2 search --gallery all.npy --query query.jpg --top 4 --recall 1 --index times.index
says "all.npy is not an .npy file"
cp whole.npy all.npy && sed 's/^bounding_box_test/room/' whole.csv >all.csv # another table: its names count
for _ in 1 2; do
    expect 0 search --gallery all.npy --query query.jpg --top 4 --recall 1 --index times.index
    prints "room/"
done
cp whole.csv all.csv

# ---- without identities, with others
expect 0 "$CALR" -e 'local w = calr.store.writer { path = "nameless.lmdb", name = "nameless" }
    local from = calr.store.open "street.lmdb"
    for i = 1, 6 do w:add { path = i .. ".jpg", identity = -1, camera = i % 2, split = "train", bytes = from:jpeg(i) } end
    w:commit()
    calr.npy.save("far.npy", calr.tensor { { 1, 0, 0 }, { 0, 1, 0 } })
    calr.npy.save("near.npy", calr.tensor { { 2, 1, 0 } })'
expect 0 search --gallery nameless.lmdb --query street.lmdb --top 2 --strip nameless.png
prints "14 queries in 6 images of nameless"
holds "$(grep -c same out.txt)" -eq 0
expect 0 "$CALR" search --gallery far.npy --query near.npy
prints "near.npy, row 1" "row 1  " "1 query in 2 images"

# ---- what it refuses
expect 1 "$CALR" search --model other.safetensors --gallery pics.npy --query query.jpg
says "pics.npy was made by another model than other.safetensors: by model.safetensors (small, 32x16, f32)"
expect 0 "$CALR" extract --model other.safetensors --precision f32 --images query.jpg -o others.npy
expect 1 "$CALR" search --gallery pics.npy --query others.npy
says "others.npy and pics.npy were made by different models: other.safetensors (f32) and model.safetensors (f32)"
expect 1 "$CALR" search --model model.safetensors --gallery far.npy --query query.jpg
says "query.jpg has features of 128 numbers and the gallery of 3: they are of different networks"
expect 2 "$CALR" search --gallery pics.npy --query query.jpg
says "query.jpg needs a model, which makes features of images (--model)"
expect 2 "$CALR" search --gallery pics --query query.jpg
says "pics needs a model"
expect 2 search --query query.jpg
says "which gallery?"
expect 2 search --gallery pics
says "what is searched for?"
expect 2 search --gallery pics --query
says "--query wants a value"
expect 2 search --gallery pics --query query.jpg --rerank --approximate
says "cannot be combined"
expect 2 search --gallery pics --query query.jpg --recall 0.9
says "--recall is an option of --approximate"
expect 2 search --gallery pics --query query.jpg --approximate --recall 2
says '--recall is above 0 and at most 1, not "2"'
expect 2 search --gallery pics --query query.jpg --ignore cam
says "--ignore is own, camera, junk or nothing"
expect 2 search --gallery pics --query query.jpg -o hits.txt
says "-o takes FILE.json or FILE.csv, not hits.txt"
expect 2 search --gallery pics --query query.jpg --strip hits.jpg
says "--strip takes FILE.png or FILE.html, not hits.jpg"
expect 2 search --gallery pics --query query.jpg --top 0
says "--top must be a whole number"
expect 2 "$CALR" search --gallery pics.npy --query inside/02.jpg height=64
says "height= is an option of a model, and --model names none"
expect 2 search --gallery pics --query absent.jpg
says "there is no image \"absent.jpg\", neither as a file nor by its name in pics"
expect 2 search --gallery absent --query query.jpg
says "there is no gallery absent"
expect 1 search --gallery pics --query bad.jpg
says 'image "bad.jpg"'
expect 0 "$CALR" -e 'calr.npy.save("none.npy", calr.zeros { 0, 128 })'
expect 2 search --gallery none.npy --query query.jpg
says "none.npy is f32[0 x 128]: there is nothing to rank"
expect 2 search --gallery pics.npy --query none.npy
says "there is nothing to rank"
mkdir empty
expect 1 search --gallery empty --query query.jpg
says "empty holds no images"
expect 1 search --gallery pics --query nameless.lmdb
says "nameless.lmdb (query) has no images"
expect 1 "$CALR" search --gallery far.npy --query near.npy --strip x.png
says "x.png cannot be painted: the images of far.npy are not known"
expect 1 "$CALR" search --gallery pics.npy --query inside/02.jpg --split query
says "pics.npy has no rows of the split query"
holds ! -e x.png
expect 1 bash -c "ulimit -f 1; exec '$CALR' search --gallery pics.npy --query pics.npy --strip full.png"
says "full.png"
holds ! -e full.png
# ---- what it reads is not overwritten: the record and the table of features, a table given, a query
md5sum pics.json pics.csv >inputs.md5
expect 2 "$CALR" search --gallery pics.npy --query 01.jpg -o pics.json
says "pics.json is read by this command and would be overwritten"
expect 2 "$CALR" search --gallery pics.npy --query 01.jpg -o ./pics.csv
says "./pics.csv is read by this command"
cp pics.csv given.csv
ln -s given.csv link.csv
expect 2 "$CALR" search --gallery pics.npy --csv given.csv --query 01.jpg -o link.csv
says "link.csv is read by this command"
expect 0 "$CALR" -e 'calr.image.save_png(calr.zeros({ 32, 16, 3 }, "u8"), "query.png")'
expect 2 search --gallery pics.npy --query query.png --strip query.png
says "query.png is read by this command"
holds "$(md5sum --check --quiet inputs.md5 2>&1)" = ""
expect 0 "$CALR" search --help
prints "--strip FILE" "--keep-self" "whose cameras count from 0"

# A read-only disk is found before the work.
if unshare -rm true 2>/dev/null; then
    mkdir -p readonly
    for words in "--index readonly/x.index" "-o readonly/x.json" "--strip readonly/x.png"; do
        expect 1 unshare -rm sh -c "mount -t tmpfs -o size=1m none readonly && mount -o remount,ro readonly &&
            '$CALR' search --gallery pics.npy --query 01.jpg $words"
        says "calr: readonly/x" "Read-only file system"
        holds ! -s out.txt
    done
fi

finish
