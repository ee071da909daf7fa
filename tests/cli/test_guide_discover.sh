# The commands of docs/guide/discover.md, in their order, as they stand; the street is smaller, the epochs are fewer.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
guide=$CALR_TEST_SOURCE/docs/guide/discover.md

mkdir -p build && ln -s "$CALR" build/calr
commands=0
while IFS= read -r line; do
    commands=$((commands + 1))
    line=${line/--ids 24/--ids 8}
    printf '%s\n' "$line" >command.sh
    expect 0 bash command.sh
    case $line in
    *--dry-run) prints "of 3 cameras (camera-1, camera-2, camera-3)" " on this machine" && holds ! -e discovered ;;
    *"discover photos epochs=6") prints "persons in " "discovered/photos/persons.html" ;;
    *"-o model.onnx") prints "model.onnx: small, images of 64x32" ;;
    *"-o one "*) prints "of one camera" "on clusters of all images" ;;
    esac
done < <(sed -n 's/^    \(\(build\/calr\|for\) .*\)/\1/p' "$guide")
holds "$commands" -eq 7
# The table of files is what there is.
for file in $(sed -n 's/^| \(`[a-z].*\) | .*/\1/p' "$guide" | grep -v preset | tr -d '`,' | sed 's/\.\.\.//'); do
    holds -e "discovered/photos/$file"
done
finish
