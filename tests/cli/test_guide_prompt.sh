# docs/guide/prompt.md does what it says: its transcripts and its table of completions are typed at a terminal.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/typing.sh"
guide=$CALR_TEST_SOURCE/docs/guide/prompt.md

# transcript N: the N-th piece with a prompt on the page, as a script for type_at: each line after a prompt is typed, what
# stands below it must come.
transcript() {
    awk -v want="$1" '
        /^```/ { inside = !inside; if (inside) piece++; next }
        inside && piece == want' "$guide" | awk "$quoted"'
        function flush(prompt) {
            if (typed != "") print "send -- " quoted(typed) "\\r\nwants [list \"\\n\"" wanted " [ready " quoted(prompt) "]]"
            typed = wanted = ""
        }
        /^>> / { flush(">> "); typed = substr($0, 4); next }
        /^> / { flush("> "); typed = substr($0, 3); next }
        { wanted = wanted " " quoted($0) }
        END { flush("> ") }'
}

# completions: the rows of the table, as a script: what is typed, Tab, what is given, and Ctrl-C for the next.
completions() {
    awk -F'|' "$quoted"'
        /^\| typed, then Tab/ { on = 1; getline; next }
        !/^\|/ { on = 0 }
        on {
            typed = $2; gsub(/^ *`|` *$/, "", typed)
            print "send -- " quoted(typed) "\\t"
            count = split($3, parts, "`")
            for (i = 2; i <= count; i += 2) {
                given = parts[i]
                if (index(given, typed) == 1) given = substr(given, length(typed) + 1)
                print "wants [list " quoted(given) "]"
            }
            print "types \\x03 [ready]"
        }' "$guide"
}

# A text as a word of Tcl, for awk.
quoted='function quoted(text) { gsub(/[^A-Za-z0-9]/, "\\\\&", text); return text }'

for number in 1 2 3; do transcript $number >"transcript$number"; done
completions >table
holds "$(grep -c '^send --' transcript1)" -eq 3
holds "$(grep -c '^send --' transcript2)" -eq 5
holds "$(grep -c '^send --' transcript3)" -eq 1
holds "$(grep -c '^send --' table)" -eq 4
{
    echo begin
    cat transcript1 transcript2 transcript3 table
    cat <<'TCL'
line "help(calr.relu)" "max(0, x). In place too."
line "y = nosuch.field" "nosuch"
send "\x1b\[A"
wants {"y = nosuch.field"}
types "\x03" [ready]
line "x:sum()" "10."
send "print 'on' while true do end\r"
wants {"\[?2004lon"}
types "\x03" "interrupted" [ready]
send "while true do pcall(function() print 'on' while true do end end) print 'caught' end\r"
wants {"\[?2004lon"}
types "\x03" "caught"
types "\x03" "interrupted" [ready]
types "\x12while true" "pcall(function()"
types "\x03" [ready]
send "\x04"
ends 0
TCL
} >page
type_at <page
contains history 'x:sum()'

# ---- another file for the history, or none
mv history kept
for place in "$PWD/other" ""; do
    rm -f history
    export place
    type_at <<'TCL'
begin env CALR_HISTORY=$env(place)
line "40 + 2" "42"
send "\x04"
ends 0
TCL
done
holds ! -e history
contains other '40'

# ---- what is slow
echo 'local calr = require "calr" local x = calr.ones(64, 64) for i = 1, 10 do x = x:matmul(x):clamp(0, 1) end' >script.lua
expect 0 "$CALR" run script.lua --profile
says "matmul" "clamp" "script.lua:1"
expect 0 "$CALR" run script.lua --profile trace.json
holds -s trace.json
finish
