# docs/api is what `calr docs` makes of the sources.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
expect 0 "$CALR" docs --check
# The stubs go into a folder of any name, whose other files stay.
mkdir folder && echo 'print "mine"' >folder/mine.lua
expect 0 "$CALR" docs --stubs folder
holds -f folder/calr/tensor.lua
echo '---@meta calr.old' >folder/calr/old.lua
expect 0 "$CALR" docs --stubs folder
holds ! -e folder/calr/old.lua
holds -f folder/mine.lua
finish
