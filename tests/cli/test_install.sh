# The installed program works without the source tree's help, from any folder.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
command -v cmake >/dev/null || { echo "cmake is not installed"; exit 77; }
here=$PWD
expect 0 cmake --install "$(dirname "$CALR")" --prefix "$here/prefix"
holds -x prefix/bin/calr
holds -f prefix/share/calr/lua/calr/init.lua
holds -f prefix/share/calr/stubs/calr/tensor.lua
holds -f prefix/share/calr/manual.json
holds -s prefix/share/man/man1/calr.1
holds -s prefix/share/bash-completion/completions/calr
holds -s prefix/share/zsh/site-functions/_calr
mkdir elsewhere && cd elsewhere || exit 1
expect 0 "$here/prefix/bin/calr" -e 'print(calr.sys.paths.home, calr.tensor{1})'
prints "$here/prefix/share/calr" "f32[1]"
expect 0 "$here/prefix/bin/calr" --help
prints "commands:" "info"
expect 0 "$here/prefix/bin/calr" info
prints "$here/prefix/share/calr"
expect 0 "$here/prefix/bin/calr" -e 'print(require("calr.program.prompt.manual").text(calr.nn.conv))' # what conv? prints
prints "calr.nn.conv(inputs, outputs" "returns layer"
expect 1 "$here/prefix/bin/calr" docs
says "is not a source checkout"
mv "$here/prefix" "$here/moved"
expect 0 "$here/moved/bin/calr" -e 'print(calr.sys.paths.home)'
prints "$here/moved/share/calr"
ln -s "$here/moved/bin/calr" link
expect 0 ./link -e 'print(calr.sys.paths.home)'
prints "$here/moved/share/calr"
finish
