#!/usr/bin/env bash
# How to divide the cores of a machine between the workers of a study: `worker_split.sh CALR [ROUNDS [TRIALS [SPLIT ...]]]`.
#
# A SPLIT is WORKERSxTHREADS. Each round runs the same TRIALS (the small network on street, a short schedule) by every
# split, one after the other, in an order that turns from round to round; what is compared is within rounds, because the
# machine may be busy with other things. Printed: the seconds for all trials, the processor seconds they took, and at the
# end the median over the rounds of each split's speed, relative to the first split.
set -eu
calr=$(realpath "$1") rounds=${2:-3} trials=${3:-}
shift $(($# < 3 ? $# : 3))
cores=$(nproc)
[ -n "$trials" ] || trials=$((2 * cores))
if [ $# -gt 0 ]; then
    splits=("$@")
else
    splits=("1x$cores")
    [ "$cores" -lt 4 ] || splits+=("$((cores / 2))x2")
    splits+=("${cores}x1")
    [ "$cores" -lt 2 ] || splits+=("${cores}x2")
fi
home=$("$calr" -e 'print(calr.sys.paths.home)')
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$calr" data make street -o street.lmdb >/dev/null 2>&1

cat >study.lua <<LUA
local calr = require "calr"
local seeds = {}
for i = 1, $trials do seeds[i] = i end
local S = calr.study "split" { script = "$home/experiments/calr.lua", goal = "max mAP", seeds = seeds,
  base = { data = "street.lmdb", epochs = 2, iterations = 10, eval_every = 2, lr = 1e-3, ["intra.epochs"] = 1,
    ["intra.iterations"] = 5, ["intra.k1"] = 15 } }
S:ablate { { "trial" } }
S:run()
LUA

TIMEFORMAT='%R %U %S'
for ((round = 0; round < rounds; round++)); do
    for ((i = 0; i < ${#splits[@]}; i++)); do
        split=${splits[(i + round) % ${#splits[@]}]}
        workers=${split%x*} threads=${split#*x}
        { time "$calr" study study.lua --out "$split-$round" --workers "$workers" --threads "$threads" --quiet \
            >out.txt 2>err.txt; } 2>time.txt || { cat err.txt; exit 1; }
        read -r wall user system <time.txt
        awk -v r=$((round + 1)) -v s="$split" -v w="$wall" -v u="$user" -v y="$system" -v l="$(cut -d' ' -f1 /proc/loadavg)" \
            'BEGIN { printf "round %d  %-6s %7.1f s, %7.1f processor seconds, load %s\n", r, s, w, u + y, l }'
        echo "$round $split $wall $(awk -v u="$user" -v y="$system" 'BEGIN { print u + y }')" >>all.txt
    done
done

echo
echo "$trials trials on $cores cores, medians over $rounds rounds; speed relative to ${splits[0]} in the same round:"
for split in "${splits[@]}"; do
    awk -v name="$split" -v first="${splits[0]}" -v trials="$trials" '
        function median(a, n,    i, j, t) {
            for (i = 2; i <= n; i++) for (j = i; j > 1 && a[j] < a[j - 1]; j--) { t = a[j]; a[j] = a[j - 1]; a[j - 1] = t }
            return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
        }
        $2 == first { base[$1] = $3 }
        $2 == name { wall[$1] = $3; used[$1] = $4 }
        END {
            for (r in wall) { n++; w[n] = wall[r]; c[n] = used[r]; s[n] = base[r] / wall[r] }
            speed = median(s, n)
            printf "%-6s %6.0f trials/hour, speed %.2f (%.2f to %.2f), %.1f processor seconds a trial\n", name,
                3600 * trials / median(w, n), speed, s[1], s[n], median(c, n) / trials
        }' all.txt
done
