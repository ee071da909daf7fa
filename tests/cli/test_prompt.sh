# The prompt at a terminal: what a person types, through a pty.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
. "$CALR_TEST_SOURCE/tests/cli/typing.sh"

# Results, the last one, locals, several lines; an error loses nothing.
type_at <<'TCL'
begin
line "local x = calr.tensor{1, 2, 3}"
line "x:sum():item() + 1" "7.0"
line "_ * 2" "14.0"
send "for i = 1, 2 do\r"
wants [list [ready ">> "]]
send "print('round ' .. i)\r"
wants [list [ready ">> "]]
line "end" "round 1" "round 2"
line "x = x + nosuch.field" "prompt:1:" "nosuch"
line "x" "f32" "1. 2. 3."
line "y = = 1" "unexpected symbol near '='"
line "calr.data.open 'nowhere'" "cannot open the data set nowhere"
line "calr.nn.conv(3, 4, { strid = 1 })" "did you mean \"stride\"?"
line "t = { 1, { 2 } } t.t = t"
line "t" "{ 1, { 2 }, t = {... the table itself} }"
send "\x04"
ends 0
TCL

# Tab: a name, a list, an option, a file; and the text goes on where it stood.
mkdir -p pictures && touch pictures/one.png
type_at <<'TCL'
begin
types "calr.nn.batch_n\t" "orm"
line "?" "Batch normalisation of the last dimension" "returns layer"
line "x = calr.tensor{4}"
types "x:re\t" "relu" "reshape" "> x:re"
line "lu():item()" "4.0"
types "calr.nn.conv(1, 2, {\t" "kernel=3" "stride=1" "conv(1, 2, {"
types "ker\t" "nel = "
line "5})" "Conv"
types "#io.open('pict\t" "ures/"
types "on\t" "e.png'"
line "):read 'a'" "0"
line "help(calr.cluster.knn)" "calr.cluster.knn(x" "metric"
line "x:sum?" "sum("
line "help()" "Tab completes"
line "nosuch?" "there is no variable \"nosuch\""
send "exit()\r"
ends 0
TCL

# Ctrl-C while typing, in a statement of several lines, in Lua and inside the engine; then everything is still there.
type_at <<'TCL'
begin
line "kept = 41"
types "abandoned" "abandoned"
types "\x03" [ready]
send "for i = 1, 3 do\r"
wants [list [ready ">> "]]
types "\x03" [ready]
send "print 'on' while true do end\r"
wants {"2004lon"}
types "\x03" "interrupted" [ready]
send "big = calr.randn(3000, 64, {generator = calr.rng.open{seed = 1}})\r"
wants [list [ready]]
send "print 'on' for i = 1, 1e9 do calr.cluster.knn(big, {k=15}) if i == 1 then print 'again' end end\r"
wants {"2004lon" "again"}
types "\x03" "interrupted" [ready]
send "while true do pcall(function() print 'on' while true do end end) print 'caught' end\r"
wants {"2004lon"}
types "\x03" "caught"
types "\x03" "still stopping" "interrupted" [ready]
line "kept + 1" "42"
line "calr.tensor{3}:sum():item()" "3.0"
send "\x04"
ends 0
TCL

# Pasted lines are one statement; the history survives the program, also one that was killed, and can be searched.
type_at <<'TCL'
begin
send "\x1b\[200~local total = 0\nfor i = 1, 4 do\n  total = total + i\nend\nreturn 'total ' .. total\x1b\[201~"
wants {"return 'total ' .. total"}
line "" "total 10"
line "first_line = 1"
line "total" "10"
exec kill -9 [exp_pid]
TCL
holds "$(stat -c %a history)" = 600
type_at <<'TCL'
begin
send "\x1b\[A"
wants {"total"}
line "" "nil"
types "\x12total = 0" "return 'total '"
line "\x05" "total 10"
types "first\x1b\[A" "_line = 1"
line " + 1; print(first_line)" "2"
send "\x04"
ends 0
TCL

# Keys as soon as the prompt stands there, and Ctrl-C between the drawing of a line and the read that waits for its next
# key: here the terminal's mode is changed late, and each read comes late.
if [ -n "${CALR_TEST_SLOW:-}" ]; then
    type_at <<'TCL'
begin env LD_PRELOAD=$env(CALR_TEST_SLOW)
types "a" "a"
types "\x03" [ready]
types "for\r" [ready ">> "]
types "\x03" [ready]
line "40 + 2" "42"
send "\x04"
ends 0
TCL
fi
finish
