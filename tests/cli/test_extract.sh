# calr extract: features of a data set and of a folder, interruption, bad images, full and read-only disks.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/retrieval.sh"

extract() { "$CALR" extract --model model.safetensors --precision f32 "$@"; }

# ---- a data set: what calr.pipeline.features gives
expect 0 extract --images street.lmdb -o all.npy
prints "all.npy: 53 x 128, small of 32x16 in f32" "images/s"
expect 0 "$CALR" -e '
    local model = calr.trained.open "model.safetensors"
    local data, found, table = calr.data.open "street.lmdb", calr.npy.load "all.npy", calr.csv.load "all.csv"
    local at, names = {}, { data:train(), data:query(), data:gallery { junk = true } }
    for row, name in ipairs(table.name) do at[name] = row end
    for s, split in ipairs(names) do
      local features, ids, cameras = model:features(split), split:identities(), split:cameras()
      for i = 1, split:count() do
        local row = at[split:path(i)]
        assert((features:narrow(1, i, 1) - found:narrow(1, row, 1)):abs():max():item() < 1e-5)
        assert(ids:get(i) == table.identity:get(row) and cameras:get(i) == table.camera:get(row))
        assert(table.split[row] == split:name())
      end
    end
    local about = calr.json.decode(require "calr.sys".read_file "all.json")
    print(about.model == model.fingerprint, about.rows, #about.skipped)'
prints "true	53	0"
expect 0 extract --images street.lmdb --split query -o query.npy
expect 0 "$CALR" -e 'print(calr.npy.load "query.npy", calr.csv.load "query.csv".split[1])'
prints "f32[14 x 128]	query"

# ---- a folder: any names, folders inside, litter left out; the same features as from the data set
expect 0 extract --images pics/ -o pics.npy
expect 0 "$CALR" -e '
    local features = calr.trained.open("model.safetensors"):features(calr.data.open("street.lmdb"):gallery())
    local found, table, names = calr.npy.load "pics.npy", calr.csv.load "pics.csv"
    for row, name in ipairs(table.name) do
      local i = tonumber(name:match "(%d+)%.jpg")
      assert((features:narrow(1, i, 1) - found:narrow(1, row, 1)):abs():max():item() < 1e-5, name)
    end
    local _, columns = calr.csv.load "pics.csv"
    print(found, table.name[1], #table.name, columns[1], columns[2])'
prints "f32[22 x 128]	01.jpg	22	name	nil"
holds -z "$(ls -d ./*.parts 2>/dev/null)"
expect 0 extract --images query.jpg -o one.npy
prints "one.npy: 1 x 128"
mv query.jpg query
expect 0 extract --images query -o again.npy # the bytes say that it is an image
holds "$(cmp one.npy again.npy && echo same)" = same
mv query query.jpg

# ---- names that CSV must quote, the same as that of another file but for its folder, and of no ASCII
mkdir -p odd/a odd/b && cp pics/01.jpg 'odd/x, "y".jpg' && cp pics/03.jpg odd/a/1.jpg && cp pics/05.jpg odd/b/1.jpg
cp pics/07.jpg odd/été.jpg && cp pics/09.jpg odd/0012.jpeg && cp pics/11.jpg "odd/ .jpg" && cp pics/13.jpg odd/UP.JPG
ln -s ../pics/15.jpg odd/link.jpg
expect 0 extract --images odd -o odd.npy
prints "odd.npy: 8 x 128"
expect 0 "$CALR" -e '
    local all, rows = calr.csv.load("odd.csv").name, {}
    for row, name in ipairs(all) do rows[name] = row end
    local found, whole = calr.npy.load "odd.npy", calr.npy.load "pics.npy"
    local at = {}
    for row, name in ipairs(calr.csv.load "pics.csv".name) do at[name] = row end
    for name, of in pairs { ["x, \"y\".jpg"] = "01.jpg", ["a/1.jpg"] = "03.jpg", ["b/1.jpg"] = "05.jpg", ["été.jpg"] = "07.jpg",
      ["0012.jpeg"] = "09.jpg", [" .jpg"] = "11.jpg", ["UP.JPG"] = "13.jpg", ["link.jpg"] = "15.jpg" } do
      assert((found:narrow(1, rows[name], 1) - whole:narrow(1, at[of], 1)):abs():max():item() < 1e-5, name)
    end
    print(#all)'
prints "8"

# ---- bad images: named, or left out
cp -r pics some && cp bad.jpg some/03.jpg && cp bad.jpg some/inside/99.jpg && head -c 300 query.jpg >some/07.jpg
expect 1 extract --images some -o some.npy
says 'calr: image "some/03.jpg": '
holds ! -e some.npy
expect 0 extract --images some -o some.npy --skip-bad --chunk 4
says 'left out image "some/03.jpg"' 'left out image "some/07.jpg"' 'left out image "some/inside/99.jpg"'
prints "some.npy: 20 x 128" "3 images left out; some.json lists them"
expect 0 "$CALR" -e '
    local rows, all = {}, calr.csv.load "pics.csv".name
    for row, name in ipairs(all) do rows[name] = row end
    local found, whole = calr.npy.load "some.npy", calr.npy.load "pics.npy"
    for row, name in ipairs(calr.csv.load "some.csv".name) do
      assert((found:narrow(1, row, 1) - whole:narrow(1, rows[name], 1)):abs():max():item() < 1e-5, name)
    end
    print(#calr.json.decode(require "calr.sys".read_file "some.json").skipped)'
prints "3"
mkdir onlybad && cp bad.jpg onlybad/1.jpg && cp bad.jpg onlybad/2.jpg
expect 1 extract --images onlybad -o bad.npy --skip-bad
says "no image of onlybad can be read; the first:"
holds ! -e bad.npy
holds ! -e bad.npy.parts
expect 1 extract --images onlybad -o bad.npy # no part is done: nothing to go on from
holds ! -e bad.npy.parts

# ---- interrupted: it goes on where it was, and gives the same bytes
mkdir lost && cp pics/*.jpg lost/ && cp pics/inside/*.jpg lost/ && cp bad.jpg lost/22.jpg
expect 1 extract --images lost -o lost.npy --chunk 6
says 'image "lost/22.jpg"'
holds -e lost.npy.parts/000003.npy
holds ! -e lost.npy.parts/000004.npy
expect 0 extract --images lost -o lost.npy --skip-bad # in parts as they were begun
prints "lost.npy: 21 x 128"
holds ! -e lost.npy.parts
mkdir lost.npy.parts && cp all.npy lost.npy.parts/000001.npy
cat >lost.npy.parts/plan.json <<<'{"format": 1, "model": "another", "images": "other", "chunk": 1024}'
expect 1 extract --images pics -o lost.npy
says "lost.npy.parts holds the parts of an interrupted extraction of another model" "--anew"
expect 0 extract --images pics -o lost.npy --anew
holds "$(cmp lost.npy pics.npy && echo same)" = same
expect 0 "$CALR" -e '
    local extract, images = require "calr.lab.retrieval.extract", require "calr.data.images"
    local npy, save, saved = require "calr.npy", require("calr.npy").save, {}
    npy.save = function(path, ...) saved[#saved + 1] = path; if #saved == 3 then error("stop", 0) end save(path, ...) end
    local o = { model = calr.trained.open "model.safetensors", images = images.folder "pics", to = "stopped.npy", chunk = 5 }
    print(pcall(extract.run, o))
    npy.save = save
    local result = extract.run(o)
    print(result.rows, result.extracted)'
prints "false	stop" "22	12"
expect 0 extract --images pics -o whole.npy --chunk 5
holds "$(cmp stopped.npy whole.npy && echo same)" = same
holds "$(cmp stopped.csv whole.csv && echo same)" = same
mkdir held.npy.parts
expect 0 "$CALR" -e '
    local lock <close> = require "calr.sys".lock "held.npy.parts/lock"
    local p = require "calr.sys".spawn { command = { os.getenv "CALR", "extract", "--model", "model.safetensors", "--images",
      "pics", "-o", "held.npy" }, stderr = "held.txt" }
    print(p:wait())'
contains held.txt "held.npy.parts is in use by process"

# stop SIGNAL STATUS: stops an extraction after its second part, and finishes it.
stop() {
    env --default-signal=INT "$CALR" extract --model model.safetensors --precision f32 --images street.lmdb -o cut.npy --chunk 2 \
        height=128 width=64 eval_batch=1 >out.txt 2>err.txt &
    local pid=$!
    while [ ! -e cut.npy.parts/000002.npy ] && kill -0 $pid; do sleep 0.01; done
    kill -"$1" $pid
    wait $pid
    status=$?
    holds $status -eq "$2"
    holds ! -e cut.npy
    [ "$1" = KILL ] || says "stopped; run the same command again to go on (cut.npy.parts keeps what is done)"
    expect 0 extract --images street.lmdb -o cut.npy --chunk 2 height=128 width=64 eval_batch=1
    prints "cut.npy: 53 x 128"
    holds "$(cmp cut.npy uncut.npy && echo same)" = same
}
expect 0 extract --images street.lmdb -o uncut.npy --chunk 2 height=128 width=64 eval_batch=1
stop INT 130
rm cut.npy
stop KILL 137

# ---- bf16, foreign weights
expect 0 "$CALR" extract --model model.safetensors --images pics -o half.npy --precision bf16
prints "in bf16"
expect 0 "$CALR" -e 'print((calr.npy.load "half.npy" * calr.npy.load "pics.npy"):sum(2):min():item() > 0.99)'
prints "true"
expect 0 "$CALR" -e 'calr.pth.save("foreign.pth", calr.models.small { seed = 1 }:state())'
expect 0 "$CALR" extract --model foreign.pth --images pics -o foreign.npy network=small height=32 width=16 --precision=f32
says "weights: matched"
holds "$(cmp foreign.npy pics.npy && echo same)" = same

# ---- what it refuses
expect 2 "$CALR" extract --images pics -o x.npy
says "which model? --model says so"
expect 2 extract --images pics
says "where to? -o FEATURES.npy"
expect 2 extract -o x.npy
says "which images? --images"
expect 2 extract --images pics -o x.csv
says "must end in .npy; x.csv does not"
expect 2 extract --images pics -o absent/x.npy
says "there is no folder absent to write absent/x.npy"
expect 2 extract --images pics -o x.npy --skip-bda
says "did you mean --skip-bad?"
expect 2 extract --images pics -o x.npy more
says '"more" is one word too many'
expect 2 extract --images pics -o x.npy heigth=64
says 'heigth' 'did you mean "height"?'
expect 2 "$CALR" extract --model model.safetensors --images pics -o x.npy --precision f16
says '--precision is f32, bf16 or auto, not "f16"'
expect 2 extract --images pics -o x.npy --chunk 0
says "--chunk must be a whole number"
expect 2 extract --images absent -o x.npy
says "there is no folder, data set or image absent"
expect 1 extract --images make.lua -o x.npy
says "make.lua is neither a folder, a data set (.lmdb) nor an image"
mkdir empty
expect 1 extract --images empty -o x.npy
says "empty holds no images"
expect 2 extract --images pics --split query -o x.npy
says "--split is of a data set, and pics is a folder"
expect 2 extract --images street.lmdb --split probes -o x.npy
says "probes"
expect 2 "$CALR" extract --model absent --images pics -o x.npy
says "there is no run or file of weights absent"
expect 1 "$CALR" extract --model model.safetensors network=resnet18 --images pics -o x.npy
says "model.safetensors does not fit the network resnet18"
expect 1 "$CALR" extract --model foreign.pth --images pics -o x.npy
says "foreign.pth does not say which network it is of; give network="
expect 0 "$CALR" extract --help
prints "--skip-bad" "NAME=VALUE"
holds -z "$(ls -d x.npy* 2>/dev/null)"

# ---- a full disk, a read-only folder
expect 1 bash -c "ulimit -f 4; exec '$CALR' extract --model model.safetensors --images pics -o full.npy"
says "full.npy"
holds ! -e full.npy
expect 0 extract --images pics -o full.npy --anew
holds "$(cmp full.npy pics.npy && echo same)" = same
if unshare -rm true 2>/dev/null; then
    mkdir disk
    expect 1 unshare -rm sh -c 'mount -t tmpfs -o size=1m none disk && mount -o remount,ro disk &&
        "$CALR" extract --model model.safetensors --images pics -o disk/x.npy'
    says "disk/x.npy" "Read-only file system"
    expect 1 unshare -rm sh -c 'mount -t tmpfs -o size=16k none disk &&
        "$CALR" extract --model model.safetensors --images street.lmdb -o disk/x.npy
        status=$?; ls disk/x.npy >left.txt 2>/dev/null; exit $status'
    says "disk/x.npy" "No space left on device"
    holds -z "$(cat left.txt)"
fi
# A record with null where a number must be.
expect 0 "$CALR" -e '
    local state, config = calr.models.small { seed = 1 }:state(), [[{"network":"small","height":null,"width":16}]]
    calr.safetensors.save("null.safetensors", state, { config = config })'
expect 2 "$CALR" extract --model null.safetensors --images query.jpg -o null.npy
says 'option "height" must be a whole number; null is not'
finish
