# calr data: from a folder to a file, and everything that can be wrong with either.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
images=$CALR_TEST_SOURCE/tests/reference/image

# A folder of the Market-1501 layout with every kind of JPEG that can be read.
make_folder() {
    mkdir -p "$1"/{bounding_box_train,query,bounding_box_test}
    cp "$images/rgb420.jpg" "$1/bounding_box_train/0002_c1s1_000451_03.jpg"
    cp "$images/rgb444.jpg" "$1/bounding_box_train/0002_c2s1_000451_03.jpg"
    cp "$images/gray.jpg" "$1/bounding_box_train/0007_c6s1_000451_03.jpg"
    cp "$images/cmyk.jpg" "$1/query/0003_c1s1_000001_00.jpg"
    cp "$images/progressive.jpg" "$1/bounding_box_test/0003_c2s1_000001_01.jpg"
    cp "$images/rgb422.jpg" "$1/bounding_box_test/0000_c2s1_000001_01.jpg"
    cp "$images/one.jpg" "$1/bounding_box_test/-1_c2s1_000001_01.jpg"
    touch "$1/query/Thumbs.db"
}
make_folder good
no_leftovers() { holds -z "$(find . -name '*.tmp-*' -o -name '*-lock')"; }

# ---- the way it should go ----
expect 0 "$CALR" data import market1501 good -o good.lmdb
prints "good.lmdb: 7 images"
no_leftovers
expect 0 "$CALR" data info good.lmdb
prints "market1501" "fingerprint" "1 of the images are distractors (identity 0); 1 junk images (-1) are set aside"
holds "$(grep '^train' out.txt | tr -s ' ')" = "train 2 3 3"
holds "$(grep '^query' out.txt | tr -s ' ')" = "query 1 1 1"
holds "$(grep '^gallery ' out.txt | tr -s ' ')" = "gallery 1 2 1"
fingerprint=$(grep fingerprint out.txt)
expect 0 "$CALR" data info good.lmdb --verify
prints "verified"
# Again, with one thread, over the old file: the same.
expect 0 env CALR_THREADS=1 "$CALR" data import market1501 good/ -o good.lmdb
expect 0 "$CALR" data info good.lmdb
prints "$fingerprint"
# Bytes go in and come out as they are.
expect 0 "$CALR" -e 'io.write(calr.data.open("good.lmdb"):train():jpeg(1))'
cmp -s out.txt "$images/rgb420.jpg"
holds $? = 0
# Batches of it.
expect 0 "$CALR" -e 'for x, i in calr.data.open("good.lmdb"):train():batches{height=16,width=8,order={2,0}} do print(x, i:get(1)) end'
prints "f32[2 x 16 x 8 x 3]	2"

# ---- wrong usage ----
expect 2 "$CALR" data
says "no subcommand is given" "calr data import"
expect 2 "$CALR" data imprt
says 'did you mean "import"?'
expect 2 "$CALR" data import market1501
says "DIR is missing"
expect 2 "$CALR" data import market1501 good
says "-o FILE is missing"
expect 2 "$CALR" data import market1501 good -o
says "-o wants a value"
expect 2 "$CALR" data import market1501 good -o a -o b
says "-o is given twice"
expect 2 "$CALR" data import market1501 good more -o a.lmdb
says '"more" is one word too many'
expect 2 "$CALR" data import market1501 good -o a.lmdb --skip-bat
says "did you mean --skip-bad?"
expect 2 "$CALR" data import market1510 good -o a.lmdb
says 'did you mean "market1501"?'
expect 2 "$CALR" data info
says "FILE is missing"
expect 2 "$CALR" data make
says "NAME is missing"
expect 2 "$CALR" data make steet -o a.lmdb
says 'did you mean "street"?'
expect 2 "$CALR" data make street
says "-o FILE is missing"
expect 2 "$CALR" data make street -o a.lmdb --ids few
says "--ids wants a number"
expect 2 "$CALR" data make street -o a.lmdb --cameras 0
says "cameras must be"
expect 2 "$CALR" data make street -o a.lmdb --camera 3
says "did you mean --cameras?"
for words in "data" "data import" "data info" "data make" "data make street" "data merge" "data subset" "data verify" \
    "data show"; do
    # shellcheck disable=SC2086
    expect 0 "$CALR" $words --help
    prints "usage: "
done

# ---- folders that are not what they should be ----
expect 2 "$CALR" data import market1501 absent -o a.lmdb
says "there is no folder or table absent"
mkdir empty
expect 1 "$CALR" data import market1501 empty -o a.lmdb
says "empty is empty"
expect 1 "$CALR" data import market1501 good/query -o a.lmdb
says "is not laid out as market1501" "did you mean good?"
cp -r good odd && cp "$images/one.jpg" odd/query/me.jpg
expect 1 "$CALR" data import market1501 odd -o a.lmdb
says "odd/query holds a file that is not named like" "me.jpg"

# ---- images that are not what they should be ----
bad() { # bad REASON: bad/query/0009_c1s1_000001_00.jpg must be refused for it
    expect 1 "$CALR" data import market1501 bad -o a.lmdb
    says "bad/query/0009_c1s1_000001_00.jpg is a bad image" "$1" "(--skip-bad leaves out such images)"
    holds ! -e a.lmdb
    no_leftovers
}
cp -r good bad
file=bad/query/0009_c1s1_000001_00.jpg
: >$file
bad "it is empty"
head -c 400 "$images/rgb420.jpg" >$file
bad "$file"
size=$(wc -c <"$images/rgb420.jpg")
head -c $((size - 30)) "$images/rgb420.jpg" >$file
bad "$file"
echo "no picture" >$file
bad "no JPEG, PNG or BMP image: it looks like text"
head -c 40 "$images/alpha.png" >$file
bad "PNG"
printf 'GIF89a\1\0\1\0' >$file
bad "no JPEG, PNG or BMP image: it looks like a GIF image"
rm $file && mkdir $file
bad "it is not a file"
rmdir $file && ln -s nowhere $file
bad "No such file"
# A header that claims 20,000 x 20,000 pixels.
rm $file
expect 0 env jpeg="$images/rgb420.jpg" "$CALR" -e 'local f = io.open(os.getenv "jpeg", "rb"):read("a")
    local at = f:find("\xFF\xC0", 1, true)
    local side = string.pack(">I2", 20000)
    io.open("huge.jpg", "wb"):write(f:sub(1, at + 4), side, side, f:sub(at + 9)):close()'
cp huge.jpg $file
bad "20000"
# Left out when asked for, and said so.
expect 0 "$CALR" data import market1501 bad -o a.lmdb --skip-bad
says "left out query/0009_c1s1_000001_00.jpg: "
prints "7 images" "1 bad file left out"
expect 0 "$CALR" data info a.lmdb
prints "$fingerprint"
rm a.lmdb

# ---- files that are no data sets ----
expect 2 "$CALR" data info absent.lmdb
says "there is no data set absent.lmdb"
expect 1 "$CALR" data info good
says "good is a folder"
: >zero.lmdb
expect 1 "$CALR" data info zero.lmdb
says "zero.lmdb is empty"
seq 10000 >text.lmdb
expect 1 "$CALR" data info text.lmdb
says "text.lmdb is not a data set"
expect 1 "$CALR" data import market1501 good -o text.lmdb
says "text.lmdb exists and is not a data set"
size=$(wc -c <good.lmdb)
for part in 10 200 4096 8192 $((size / 2)) $((size - 1)); do
    head -c "$part" good.lmdb >cut.lmdb
    expect 1 "$CALR" data info cut.lmdb
    says "cut.lmdb"
done
says "truncated"
expect 0 "$CALR" data import market1501 good -o cut.lmdb
# Another format of ours, another of LMDB's, a changed image.
expect 0 "$CALR" -e 'local f = io.open("good.lmdb", "rb"):read("a")
    local function put(name, at, bytes) io.open(name, "wb"):write(f:sub(1, at - 1), bytes, f:sub(at + #bytes)):close() end
    put("format.lmdb", f:find("calrdata", 1, true) + 12, string.pack("<I4", 7))
    put("lmdb.lmdb", 21, string.pack("<I4", 2))
    put("image.lmdb", f:find("\xFF\xD8\xFF", 1, true) + 300, "\1\2\3")'
expect 1 "$CALR" data info format.lmdb
says "is a data set of format 7; this program reads format 1"
expect 1 "$CALR" data info lmdb.lmdb
says "is an LMDB file of version 2; this program reads version 1"
expect 0 "$CALR" data info image.lmdb
expect 1 "$CALR" data info image.lmdb --verify
says "image.lmdb is damaged"

# ---- locks, read-only places, kills, full disks ----
chmod 444 good.lmdb
expect 0 flock -x good.lmdb "$CALR" data info good.lmdb
seq 100 >"other.lmdb.tmp-x" && seq 100 >other.lmdb.tmp-99999
expect 0 "$CALR" data import market1501 good -o other.lmdb
holds ! -e other.lmdb.tmp-99999
holds -e other.lmdb.tmp-x
rm other.lmdb.tmp-x
expect 2 "$CALR" data import market1501 good -o nowhere/x.lmdb
says "nowhere/x.lmdb"
expect 2 "$CALR" data import market1501 good -o good/
says "good/ is a folder: -o takes the file to write"
expect 2 "$CALR" data import market1501 good -o good
says "good is a folder: -o takes the file to write"
expect 2 "$CALR" data import good market1501 -o swapped.lmdb
says "good is a folder, not a layout; the order is NAME DIR: calr data import market1501 good -o swapped.lmdb"
expect 2 "$CALR" data import good.lmdb good -o swapped.lmdb
says "good.lmdb is a data set, not a layout; the file to write comes after -o"
printf 'path,camera\nquery/x.jpg,1\n' >table.csv
expect 2 "$CALR" data import table.csv csv -o swapped.lmdb
says "table.csv is a file, not a layout; the order is NAME DIR: calr data import csv table.csv -o swapped.lmdb"
holds ! -e swapped.lmdb
expect 0 "$CALR" data import cuhk03 --help
prints "--boxes" "detected (by a detector, the default) or labeled"
expect 2 "$CALR" data import cuhk03 good --boxes painted -o x.lmdb
says '--boxes must be detected or labeled, not "painted"'
mkdir -p cams/one && cp "$images/one.jpg" cams/one/
expect 0 "$CALR" data import -o cams.lmdb --pattern "{camera}/{*}.jpg" --split query folder cams
prints "cams.lmdb: 1 images"
expect 2 "$CALR" data import market1501 good --boxes labeled -o x.lmdb
says "unknown option --boxes"

cp -r good many
# shellcheck disable=SC2046
tee $(seq -f 'many/query/%g_c1s1_000001_00.jpg' 1000 2999) <"$images/rgb420.jpg" >/dev/null
for after in 0.03 0.06 0.1 0.2; do
    (timeout -s KILL $after "$CALR" data import market1501 many -o many.lmdb >out.txt) 2>err.txt
    [ ! -e many.lmdb ] || expect 0 "$CALR" data info many.lmdb --verify
done
expect 0 "$CALR" data import market1501 many -o many.lmdb
no_leftovers
expect 0 "$CALR" data info many.lmdb --verify
prints "2,001        1"

if unshare -rm true 2>/dev/null; then
    mkdir -p disk
    expect 1 unshare -rm sh -c 'mount -t tmpfs -o size=1m none disk && "$CALR" data import market1501 many -o disk/many.lmdb
        status=$?; ls -A disk >left.txt; exit $status'
    says "cannot write disk/many.lmdb" "No space left on device"
    holds -z "$(cat left.txt)"
    expect 0 unshare -rm sh -c 'mount -t tmpfs none disk && cp good.lmdb disk && mount -o remount,ro disk &&
        "$CALR" data info disk/good.lmdb --verify'
    prints "verified"
else
    echo "no mounts of one's own here: full and read-only file systems are not tried"
fi

# ---- of data sets: merge, subset, verify, show ----
# The images themselves are not needed any more: moved or changed, they are what they were.
mv good moved && : >moved/query/0003_c1s1_000001_00.jpg
expect 0 "$CALR" data verify good.lmdb
prints "verified: the contents match the fingerprint, and all 7 images decode"
cp "$images/cmyk.jpg" moved/query/0003_c1s1_000001_00.jpg && mv moved good
expect 1 "$CALR" data verify image.lmdb
says "image.lmdb is damaged"
expect 0 "$CALR" -e 'local w = calr.store.writer { path = "undecoded.lmdb", name = "u", check = false }
    w:add { path = "a.jpg", identity = 1, camera = 0, split = "train", bytes = "no image" } w:commit()'
expect 1 "$CALR" data verify undecoded.lmdb
says "bad image a.jpg: " "1 of 1 images do not decode"
expect 0 "$CALR" data merge good.lmdb many.lmdb -o merged.lmdb
prints "merged.lmdb: 2014 images" "source"
expect 0 "$CALR" data info merged.lmdb
prints "market1501+market1501-2"
expect 2 "$CALR" data merge good.lmdb -o merged.lmdb
says "two data sets at least"
expect 2 "$CALR" data merge good.lmdb many.lmdb
says "-o FILE is missing"
expect 1 "$CALR" data merge good.lmdb many.lmdb -o good.lmdb
says "good.lmdb is read from; write to another file"
expect 0 "$CALR" data subset many.lmdb -o part.lmdb --splits query --count 5
prints "part.lmdb: 11 images"
expect 2 "$CALR" data subset many.lmdb -o part.lmdb
says "which part?"
expect 2 "$CALR" data subset many.lmdb -o part.lmdb --cameras 1,x
says '--cameras wants numbers with commas between, not "1,x"'
expect 2 "$CALR" data subset many.lmdb -o part.lmdb --count 1.5
says '--count wants a whole number, not "1.5"'
expect 0 "$CALR" data show good.lmdb -o sheet.png --rows 2
prints "sheet.png: 2 rows"
expect 0 "$CALR" -e 'local s = calr.image.load_png "sheet.png" assert(s:size(1) == 2 * 158 + 4)'
expect 0 "$CALR" data show good.lmdb -o sheet.html --by camera --split gallery --html
holds "$(grep -c '<h2>' sheet.html)" -eq 1
cp sheet.html page.html
expect 0 "$CALR" data show good.lmdb -o sheet.html --by camera --split gallery
expect 0 cmp sheet.html page.html
expect 2 "$CALR" data show good.lmdb -o sheet.png --by camra
says 'did you mean "camera"?'
expect 2 "$CALR" data show good.lmdb -o sheet.png --rows 0
says "--rows is 1 to 200, not 0"
expect 1 "$CALR" data show good.lmdb -o sheet.png --split multi
says "has no images in its split multi"

# ---- generated ----
small="--ids 3 --test-ids 2 --cameras 2 --images 1 --distractors 2 --junk 1"
# shellcheck disable=SC2086
expect 0 "$CALR" data make street -o street.lmdb $small
expect 0 "$CALR" data info street.lmdb --verify
prints "street"
made=$(grep fingerprint out.txt)
# shellcheck disable=SC2086
expect 0 "$CALR" data make street --folder street $small
expect 0 "$CALR" data import market1501 street -o again.lmdb
expect 0 "$CALR" data info again.lmdb --verify
holds "$(wc -l <out.txt)" -gt 5
# shellcheck disable=SC2086
expect 2 "$CALR" data make street --folder street $small
says "street exists"
# shellcheck disable=SC2086
expect 0 "$CALR" data make street -o street.lmdb $small --seed 2
expect 0 "$CALR" data info street.lmdb
holds "$(grep fingerprint out.txt)" != "$made"
finish
