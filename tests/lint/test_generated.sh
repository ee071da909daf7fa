# docs/api is what `calr docs` makes of the sources.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
expect 0 "$CALR" docs --check
finish
