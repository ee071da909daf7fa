# For the command-line tests: `. "$CALR_TEST_SOURCE/tests/cli/expect.sh"`. Every call of `expect` is one check.
checks=0 failures=0

fault() {
    failures=$((failures + 1))
    printf 'FAIL %s\n' "$1"
    printf -- '--- status %s\n--- stdout\n%s\n--- stderr\n%s\n---\n' "$status" "$(head -c 3000 out.txt)" "$(head -c 3000 err.txt)"
}

# expect STATUS COMMAND...: runs it; stdout and stderr stay in out.txt and err.txt.
expect() {
    local want=$1
    shift
    checks=$((checks + 1))
    "$@" >out.txt 2>err.txt </dev/null
    status=$?
    [ $status -eq "$want" ] || fault "$* ends with $status, want $want"
}

# last_of WORD...: puts the words into the array `words`; of several key=value with one key the last stays, for calr
# refuses an option that is given twice.
last_of() {
    local word
    local -A place=()
    words=()
    for word in "$@"; do
        case $word in
        *=*)
            if [ -n "${place[${word%%=*}]:-}" ]; then
                words[place[${word%%=*}]]=$word
                continue
            fi
            place[${word%%=*}]=${#words[@]}
            ;;
        esac
        words+=("$word")
    done
}

# says TEXT...: the last command's stderr contains each text. prints: the same of stdout.
says() { contains err.txt "$@"; }
prints() { contains out.txt "$@"; }
contains() {
    local file=$1 text
    shift
    for text in "$@"; do
        checks=$((checks + 1))
        grep -qF -- "$text" "$file" || fault "$file does not contain: $text"
    done
}

# holds CONDITION...: test(1).
holds() {
    checks=$((checks + 1))
    test "$@" || { status=- && fault "not true: $*"; }
}

finish() {
    echo "$checks checks, $failures failed"
    [ $failures -eq 0 ] && [ $checks -gt 0 ]
    exit
}
