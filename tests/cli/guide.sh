# For the tests of guide pages, beside expect.sh; `guide` is the page's file.

# piece [LANGUAGE] N: the N-th piece of a language on the page, of Lua where none is named.
piece() {
    [ $# -eq 2 ] || set -- lua "$1"
    awk -v want="$2" -v fence="^\`\`\`$1\$" '$0 ~ fence { n++; on = n == want; next } /^```$/ { on = 0 } on' "$guide"
}

# command_line N: the N-th command line on the page.
command_line() { grep '^build/calr' "$guide" | sed -n "$1p"; }
