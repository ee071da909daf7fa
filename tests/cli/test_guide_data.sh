# The commands of docs/guide/data.md, in their order, on a small data set of the same layout.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/guide.sh"
guide=$CALR_TEST_SOURCE/docs/guide/data.md
images=$CALR_TEST_SOURCE/tests/reference/image

mkdir -p build && ln -s "$CALR" build/calr
expect 0 "$CALR" data make street --folder Market-1501-v15.09.15 --ids 60 --test-ids 4 --cameras 4 --images 1 --distractors 3 --junk 2
mkdir -p photographs/{entrance,stairs,exit,Hof} "photographs/Tor, Nord" boxes/{train,query,test}
cp "$images/rgb420.jpg" photographs/entrance/a.jpg
cp "$images/bmp24.bmp" photographs/stairs/b.bmp
cp "$images/alpha.png" photographs/exit/c.png
cp "$images/rgb444.jpg" "photographs/Tor, Nord/0001.jpg"
cp "$images/gray.jpg" photographs/Hof/0002.jpg
for split in train query test; do cp "$images/alpha.png" boxes/$split/anna_c$((${#split} % 4))_1.png; done
piece csv 1 >photographs/images.csv
piece lua 4 >shop.lua

# Every command of the page, as it stands.
commands=0
while IFS= read -r line; do
    case $line in
    *"make street --help"* | *"make street -o"*) continue ;; # the street is made above
    esac
    commands=$((commands + 1))
    line=${line//\/path\/to\//}
    printf '%s\n' "${line%%  #*}" >command.sh
    expect 0 bash command.sh
    case $line in
    *"import market1501 "*) says "train: " "Market-1501 has 12,936 of 751: is it wholly unpacked?" ;;
    *"info market.lmdb"*) prints "split    identities  images  cameras" "3 of the images are distractors" ;;
    *"data verify market"*) prints "verified: the contents match the fingerprint" ;;
    *"-o persons.png"*) prints "persons.png: 5 rows" ;;
    *"-o cameras.html"*) holds "$(grep -c '<h2>' cameras.html)" -eq 4 ;;
    *"-o both.lmdb"*) prints "both.lmdb: " ;;
    *"import cameras"*) says "note: cameras: 0 Hof, 1 Tor, Nord, 2 entrance, 3 exit, 4 stairs" ;;
    *"import folder"*) prints "own.lmdb: 3 images" ;;
    *"import csv"*) says "note: cameras: 0 Hof, 1 Tor" && prints "own.lmdb: 2 images" ;;
    *"import ./shop.lua"*) prints "shop.lmdb: 3 images" ;;
    esac
done < <(sed -n 's/^    \(build\/calr .*\)/\1/p' "$guide")
holds "$commands" -eq 12

# The pieces of scripts, one after the other.
{ piece lua 1 && piece lua 2; } >script.lua
expect 0 "$CALR" script.lua
prints "bounding_box_train/"

# The table of layouts is what there is.
expect 0 "$CALR" data import --help
for layout in $(sed -n 's/^| `\([a-z0-9_]*\)` | .*/\1/p' "$guide"); do prints "  $layout "; done
finish
