# For tests of the prompt: `. "$CALR_TEST_SOURCE/tests/cli/typing.sh"` after expect.sh. A person types at a terminal, a pty.
# The program: expect.sh has a function of that name.
type -P expect >/dev/null || { echo "the package expect is not installed"; exit 77; }
env expect -c "spawn true" >/dev/null 2>&1 </dev/null || { echo "there are no pseudo-terminals here (/dev/pts)"; exit 77; }

# type_at: runs a script of the program expect, from standard input, in this folder. Its procedures never wait a fixed
# time, but for what the program prints: `begin` starts it (behind other
# words, such as env NAME=VALUE), `line TEXT WANTED...` types a line, `types KEYS WANTED...`
# keys, `wants LIST` only waits, `ends STATUS` for the end. Each wait fails after 60 seconds, all of them after 180.
type_at() {
    cat >common.tcl <<'TCL'
set timeout 60
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
proc begin {args} {
    global spawn_id env
    spawn {*}$args $env(CALR)
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
    expect {
        eof {}
        timeout { fault "it does not end" }
    }
    set result [lindex [wait] 3]
    if {$result != $status} { fault "it ends with $result, not $status" }
}
TCL
    { echo 'source common.tcl'; cat; } >script.tcl
    checks=$((checks + 1))
    env TERM=xterm CALR_HISTORY="$PWD/history" HOME="$PWD" timeout -k 5 180 expect -f script.tcl >out.txt 2>err.txt </dev/null
    status=$?
    [ $status -eq 0 ] || fault "typing at the prompt"
}
