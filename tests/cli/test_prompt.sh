# The prompt at a terminal: what a person types, through a pty.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
command -v expect >/dev/null || { echo "the package expect is not installed"; exit 77; }

# type_at SCRIPT: runs a script of expect whose `at TEXT...` types a line, after the prompt is there, and waits for texts.
type_at() {
    cat >common.tcl <<'TCL'
set timeout 30
log_user 0
set stty_init "rows 40 columns 100"
proc fault {what} {
    global expect_out
    set seen "nothing"
    catch { set seen $expect_out(buffer) }
    puts "FAIL: $what; after: $seen"
    exit 1
}
proc wants {texts} {
    foreach text $texts {
        expect {
            -ex $text {}
            timeout { fault "no \"$text\"" }
            eof { fault "the program ended before \"$text\"" }
        }
    }
}
# What stands before a line that is about to be read: a terminal is asked to mark pasted text.
proc ready {{prompt "> "}} {
    return "\x1b\[?2004h$prompt"
}
proc begin {} {
    global spawn_id env
    spawn $env(CALR)
    wants [list "Ctrl-C stops a computation" [ready]]
}
# Types keys, then waits for the texts, and for a prompt.
proc types {keys args} {
    send -- $keys
    wants $args
}
proc line {text args} {
    send -- "$text\r"
    wants [concat [list "\n"] $args [list [ready]]]
}
proc ends {status} {
    expect { eof {} timeout { fault "it does not end" } }
    set result [lindex [wait] 3]
    if {$result != $status} { fault "it ends with $result, not $status" }
}
TCL
    { echo 'source common.tcl'; cat; } >script.tcl
    checks=$((checks + 1))
    # Typing is a matter of time: on a busy machine expect has been seen to miss the end of the program, and a terminal to
    # lose a key. What fails is typed once more before it counts.
    local tries
    [ ! -e history ] || cp -p history history.before
    for tries in 1 2; do
        [ $tries -eq 1 ] || [ ! -e history.before ] || cp -p history.before history
        env TERM=xterm CALR_HISTORY="$PWD/history" HOME="$PWD" timeout -k 5 90 expect -f script.tcl >out.txt 2>err.txt
        status=$?
        [ $status -ne 0 ] || break
    done
    [ $status -eq 0 ] || fault "typing at the prompt"
}

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
send "print 'on' while true do calr.cluster.knn(big, {k=15}) end\r"
wants {"2004lon"}
sleep 0.3
types "\x03" "interrupted" [ready]
send "print 'on' while true do pcall(function() while true do end end) end\r"
wants {"2004lon"}
sleep 0.3
send "\x03"
sleep 0.3
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
sleep 0.3
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
finish
