# docs/api and build/stubs are what `calr docs` makes of the sources, and the stubs are Lua.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
expect 0 "$CALR" docs --check
for stub in "$CALR_TEST_SOURCE"/build/stubs/*.lua; do
    expect 0 "$CALR" -e "assert(loadfile '$stub')"
done
finish
