# docs/api and lua/calr/stubs are what `calr docs` makes of the sources, and the stubs are Lua.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
expect 0 "$CALR" docs --check
for stub in "$CALR_TEST_SOURCE"/lua/calr/stubs/*.lua; do
    expect 0 "$CALR" -e "assert(loadfile '$stub')"
done
finish
