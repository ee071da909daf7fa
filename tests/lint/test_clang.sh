# A second compiler reads every C file of the engine with the same warnings (gcc builds it).
command -v clang >/dev/null || { echo "clang is not installed"; exit 77; }
commands=$(dirname "$CALR")/compile_commands.json
[ -f "$commands" ] || { echo "no compile_commands.json beside $CALR"; exit 77; }
# The one header of gcc's that we use, for a clang without its own, without the one word in it that clang doesn't know.
sed 's/__malloc__ (omp_free)/__malloc__/' "$(gcc -print-file-name=include)/omp.h" >omp.h || exit 77
failed=0 count=0
while read -r line; do
    eval "words=($line)" # quoted as for a shell
    flags=()
    for i in "${!words[@]}"; do
        case ${words[i]} in
        -Wno-maybe-uninitialized) ;;
        -D* | -I* | -W* | -m* | -std=*) flags+=("${words[i]}") ;;
        -isystem) flags+=(-isystem "${words[i + 1]}") ;;
        esac
    done
    clang -fsyntax-only -fopenmp-simd "${flags[@]}" -idirafter . "${words[-1]}" || failed=1
    count=$((count + 1))
done < <(sed -n '/"command"/ { s/.*"command": "//; s/",$//; s/\\\(.\)/\1/g; p }' "$commands" | grep '/engine/[^/]*/.*\.c"*$')
echo "$count files"
[ $failed -eq 0 ] && [ $count -gt 20 ]
