# C files are formatted as .clang-format says, by the version that formatted them: others break lines elsewhere.
set -u
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 77; }
version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
[ "$version" = 14 ] || { echo "this is clang-format $version, and the files are formatted by 14"; exit 77; }
cd "$CALR_TEST_SOURCE" || exit 1
files=$(find engine tests/c -name '*.[ch]' | sort)
# shellcheck disable=SC2086
clang-format --dry-run --Werror $files || { echo "run clang-format -i on the files above"; exit 1; }
echo "$(echo "$files" | wc -l) files"
