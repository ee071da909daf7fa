# calr evaluate: a model on a data set, features made elsewhere, the options of evaluation, what it refuses.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/retrieval.sh"

# ---- a model: the figures of calr.pipeline.evaluate
expect 0 "$CALR" evaluate --model model.safetensors --data street.lmdb --by camera -o found.json --worst 3
prints "14 of 14 queries have a match among 22 gallery images" "mAP by pair of cameras, %" "the worst queries" "found.json"
expect 0 "$CALR" -e '
    local found = calr.json.decode(require "calr.sys".read_file "found.json")
    local model, data = calr.trained.open "model.safetensors", calr.data.open "street.lmdb"
    local want = model:evaluate(data)
    for _, name in ipairs { "mAP", "mINP", "rank1", "rank5", "rank10", "queries" } do assert(found[name] == want[name], name) end
    assert(#found.worst == 3 and #found.each == 14 and found.gallery_images == 22)
    assert(found.worst[1].average_precision <= found.worst[2].average_precision)
    for _, query in ipairs(found.each) do assert(query.average_precision >= found.worst[1].average_precision) end
    for _, pair in ipairs(found.camera_pairs) do assert(pair.query ~= pair.gallery and pair.queries > 0) end
    print(#found.camera_pairs)'
prints "6"
expect 0 "$CALR" evaluate --model model.safetensors --data street.lmdb -o queries.csv --json
prints '"mAP": ' '"worst": ['
holds "$(head -1 queries.csv)" = path,identity,camera,average_precision,first_match
holds "$(wc -l <queries.csv)" -eq 15

# ---- options
expect 0 "$CALR" evaluate --model model.safetensors --data street.lmdb --rerank --shots 1 --draws 3 --by camera
prints "(re-ranked, single-shot)" "mAP by pair"
expect 0 "$CALR" evaluate --model model.safetensors --data street.lmdb --rerank --json
cp out.txt a.json
expect 0 "$CALR" evaluate --model model.safetensors --data street.lmdb rerank=true --json
holds "$(cmp out.txt a.json && echo same)" = same
expect 0 "$CALR" evaluate --model model.safetensors --data street.lmdb --ignore junk expand=alpha eval_gallery=0.9 --by camera
prints "alpha query expansion, 0.9 of the gallery"

# ---- features: those of calr extract in one file, in two files, from elsewhere with names instead of numbers
expect 0 "$CALR" extract --model model.safetensors --precision f32 --images street.lmdb -o all.npy
expect 0 "$CALR" evaluate --features all.npy --by camera -o all-found.json
expect 0 "$CALR" -e '
    local read = function(path) return calr.json.decode(require "calr.sys".read_file(path)) end
    local a, b = read "all-found.json", read "found.json"
    for _, name in ipairs { "mAP", "mINP", "rank1", "rank20", "queries", "gallery_images" } do
      assert(math.abs(a[name] - b[name]) < 1e-9, name)
    end
    for i, pair in ipairs(b.camera_pairs) do
      assert(math.abs(pair.mAP - a.camera_pairs[i].mAP) < 1e-9 and pair.queries == a.camera_pairs[i].queries)
    end
    local x, rows = calr.npy.load "all.npy", calr.csv.load "all.csv"
    for _, split in ipairs { "query", "gallery" } do
      local keep, ids, cams, files = {}, {}, {}, {}
      for i, name in ipairs(rows.split) do
        if name == split then
          local id = rows.identity:get(i)
          keep[#keep + 1], ids[#ids + 1] = i - 1, id > 0 and "person " .. id or id
          cams[#cams + 1], files[#files + 1] = "door " .. (9 - rows.camera:get(i)), rows.name[i]
        end
      end
      local part = x:index_select(1, calr.tensor(keep, "i64")) * 3
      if split == "gallery" then
        for i, id in ipairs(ids) do if id == 0 then ids[i] = "stranger " .. i elseif id == -1 then ids[i] = "junk" end end
      end
      calr.npy.save(split .. ".npy", part:to "f64")
      calr.csv.save(split .. "-table.csv", { pid = ids, camid = cams, path = files, more = cams }, { "more", "path", "pid", "camid" })
    end'
expect 0 "$CALR" evaluate --features query.npy gallery.npy --csv query-table.csv gallery-table.csv --by camera --json
says "note: the rows of query.npy are scaled to length 1"
cp out.txt elsewhere.json
expect 0 "$CALR" -e '
    local found = calr.json.decode(require "calr.sys".read_file "elsewhere.json")
    print(found.queries, found.camera_names[1], found.each[1].name:match "^query/")'
prints "14	door 7	query/"
expect 0 "$CALR" evaluate --csv query-table.csv gallery-table.csv --raw --features query.npy gallery.npy
prints "mAP" "query/"
mv query-table.csv query.csv && mv gallery-table.csv gallery.csv
expect 0 "$CALR" evaluate --features query.npy gallery.npy
prints "14 of 14 queries"

# ---- without a camera; one query, one gallery image
expect 0 "$CALR" -e '
    local T = calr.tensor
    calr.npy.save("one.npy", T { { 1, 0 } })
    calr.npy.save("three.npy", T { { 0, 1 }, { 1, 0 }, { 1, 1 } })
    calr.csv.save("one.csv", { identity = T({ 7 }, "i64") })
    calr.csv.save("three.csv", { identity = T({ 8, 7, 7 }, "i64") })
    calr.npy.save("wide.npy", T { { 1, 0, 0 } })
    calr.csv.save("wide.csv", { identity = T({ 7 }, "i64") })
    calr.npy.save("bare.npy", T { { 1, 0 } })
    calr.csv.save("camera.csv", { identity = T({ 7 }, "i64"), camera = T({ 1 }, "i64") })
    calr.csv.save("empty.csv", { name = { "a" } })
    calr.csv.save("stranger.csv", { identity = T({ 70 }, "i64") })'
expect 0 "$CALR" evaluate --features one.npy three.npy
prints "1 of 1 queries" "100.0" "query 1"
expect 1 "$CALR" evaluate --features one.npy three.npy --by camera
says "one.csv has no column camera; it has: identity"
expect 1 "$CALR" evaluate --features one.npy three.npy --csv camera.csv three.csv
says "three.csv has no column camera"
expect 1 "$CALR" evaluate --features one.npy three.npy --csv stranger.csv three.csv
says "one.npy cannot be evaluated: none of its 1 queries has a match in the gallery"
expect 1 "$CALR" evaluate --features one.npy wide.npy
says "one.npy has rows of 2 numbers and wide.npy of 3: they are not of one network"
expect 1 "$CALR" evaluate --features bare.npy three.npy
says "bare.csv says nothing of the rows of bare.npy: a table with the column identity is needed (--csv)"
expect 1 "$CALR" evaluate --features one.npy three.npy --csv empty.csv three.csv
says "empty.csv has no column identity; it has: name"
expect 1 "$CALR" evaluate --features one.npy three.npy --csv three.csv one.csv
says "three.csv has 3 rows for 1 features"
expect 1 "$CALR" evaluate --features one.npy
says "one.npy says of no row whether it is a query or of the gallery: give two files"
expect 2 "$CALR" evaluate --features one.npy three.npy --raw --rerank
says "re-ranking needs rows of length 1"

# ---- what it refuses
expect 2 "$CALR" evaluate
says "what is to be evaluated?"
expect 2 "$CALR" evaluate --model model.safetensors
says "on which data? --data"
expect 2 "$CALR" evaluate --data street.lmdb
says "which model? --model"
expect 2 "$CALR" evaluate --model model.safetensors --data street.lmdb --features one.npy
says "two ways"
expect 2 "$CALR" evaluate --model model.safetensors --data street.lmdb --raw
says "--raw belongs to --features"
expect 2 "$CALR" evaluate --features one.npy three.npy --precision f32
says "--precision belongs to --model"
expect 2 "$CALR" evaluate --features one.npy three.npy three.npy
says "--features takes the queries and the gallery, not 3 files"
expect 2 "$CALR" evaluate --features one.npy three.npy --csv one.csv
says "--csv takes a table for each file of --features: 2, not 1"
expect 2 "$CALR" evaluate --features --by camera
says "--features wants a value"
expect 2 "$CALR" evaluate --features one.npy three.npy height=64
says 'features have no option "height"'
expect 2 "$CALR" evaluate --features one.npy three.npy --shots 2
says '--shots is 1 or all, not "2"'
expect 2 "$CALR" evaluate --features one.npy three.npy --draws 2
says "--draws is an option of --shots 1"
expect 2 "$CALR" evaluate --features one.npy three.npy --rerank rerank=true
says "--rerank and rerank= say the same"
expect 2 "$CALR" evaluate --features one.npy three.npy --by cam
says '--by is camera, not "cam" (did you mean "camera"?)'
expect 2 "$CALR" evaluate --features one.npy three.npy -o found.txt
says "-o takes FILE.json or FILE.csv, not found.txt"
expect 2 "$CALR" evaluate --features absent.npy three.npy
says "there is no file of features absent.npy"
expect 2 "$CALR" evaluate --model model.safetensors --data absent.lmdb
says "absent.lmdb"
expect 1 "$CALR" evaluate --model model.safetensors --data street.lmdb network=resnet18
says "does not fit the network resnet18"
expect 0 "$CALR" -e 'require("calr.data.rewrite").subset { from = "street.lmdb", to = "few.lmdb", identities = 1, splits = { "query" } }'
expect 0 "$CALR" -e '
    local from, w = calr.store.open "street.lmdb", calr.store.writer { path = "nameless.lmdb", name = "nameless" }
    for i = 1, 9 do w:add { path = i .. ".jpg", identity = -1, camera = 0, split = i < 4 and "query" or "gallery", bytes = from:jpeg(i) } end
    w:commit()'
expect 1 "$CALR" evaluate --model model.safetensors --data nameless.lmdb
says "nameless cannot be evaluated: it has 0 query and 0 gallery images of known identity"
mkdir locked && chmod 500 locked
if ! touch locked/x 2>/dev/null; then
    expect 1 "$CALR" evaluate --features one.npy three.npy -o locked/found.json
    says "locked/found.json"
fi
expect 1 bash -c "ulimit -f 1; exec '$CALR' evaluate --features all.npy -o full.json"
says "full.json"
holds ! -e full.json
# The tables and records that it reads are not overwritten.
cp gallery.csv given.csv
for target in all.json all.csv query.csv given.csv; do
    cp "$target" before
    files="query.npy gallery.npy --csv query.csv given.csv"
    [ "${target%%.*}" != all ] || files=all.npy
    # shellcheck disable=SC2086
    expect 2 "$CALR" evaluate --features $files -o "$target"
    says "$target is read by this command and would be overwritten"
    holds "$(cmp before "$target" 2>&1)" = ""
done
finish
