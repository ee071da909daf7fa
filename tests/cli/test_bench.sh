# calr bench: the table, JSON, peers, and what it refuses. No time is asserted.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

# A peer without Python: answers as tests/bench/peers/common.py does.
cat >peer.sh <<'SH'
#!/bin/sh
echo "$2" >options.json
echo "a warning that is no answer"
echo '{"name": "other 1.0", "seconds": [], "peak_mb": 7}'
seconds=
while read -r line; do
    seconds="$seconds${seconds:+, }2.0"
    echo "{\"name\": \"other 1.0\", \"seconds\": [$seconds], \"peak_mb\": 9}"
done
SH
cat >alone.sh <<'SH'
#!/bin/sh
echo '{"name": "alone 2.0", "seconds": [3, 1, 2], "peak_mb": 5}'
SH
cat >broken.sh <<'SH'
#!/bin/sh
echo "no module named torch" >&2
exit 1
SH
cat >dies.sh <<'SH'
#!/bin/sh
echo '{"name": "mortal", "seconds": []}'
read -r line
echo "out of memory" >&2
exit 3
SH
chmod +x *.sh
tiny="--network small --height 16 --width 8 --batch 4 --clusters 5 --repeat 2 --limits 100,10"

# ---- the list and help
expect 0 "$CALR" bench
prints "usage: calr bench NAME" "  start " "  train " "--peer PYTHON"
expect 0 "$CALR" bench train --help
prints "usage: calr bench train" "--batch" "--network" "resnet50" "--compile"

# ---- a table
expect 0 "$CALR" bench train $tiny
prints "calr bench train  batch=4" "network=small" "of limit" "small 16x8, batch 4" "images/s" \
    "limits as given: products of matrices 100 GFLOP/s, memory 10.0 GB/s"
checks=$((checks + 1)) && ! grep -q "its time" out.txt || fault "columns of peers without peers"
checks=$((checks + 1)) && ! grep -q "$(printf '\033')" out.txt || fault "colours in a file"

expect 0 "$CALR" bench train $tiny --checkpoint
prints "small 16x8, batch 4, checkpointed"

# ---- peers: in alternation, all by themselves, and those that fail
expect 0 "$CALR" bench train $tiny --threads 2 --peer ./peer.sh --peer=./alone.sh
prints "other 1.0" "alone 2.0" "2.00 s" "9 MB" "ratio"
holds "$(grep -c '"threads":2' options.json)$(grep -c '"height":16' options.json)" = 11
expect 1 "$CALR" bench train $tiny --peer ./broken.sh --peer ./peer.sh
prints "other 1.0"
says "calr: peer ./broken.sh train.py failed: no module named torch"
expect 1 "$CALR" bench train $tiny --peer ./dies.sh
says "calr: peer ./dies.sh failed: out of memory"
expect 1 "$CALR" bench train $tiny --peer no-such-program
says "calr: peer no-such-program train.py failed: "

# ---- numerics: the peer tells everything; ours are the first curve, distances are from the peer's last
cat >compares.sh <<'SH'
#!/bin/sh
ls "$(expr "$2" : '.*"folder":"\([^"]*\)"')" >folder.txt
echo '{"name": "other 3.0", "seconds": [], "gradients": [{"name": "calr", "median": 2e-6, "worst": 0.03, "parameter":' \
    '"conv1"}], "curves": [{"name": "other f32", "losses": [5.0, 4.0]}, {"name": "other f64", "losses": [5.0, 5.0]}]}'
while read -r line; do :; done
SH
chmod +x compares.sh
epoch="--network small --height 16 --width 8 --batch 8 --images 16"
expect 2 "$CALR" bench numerics $epoch
says "name a Python that has it with --peer PYTHON"
expect 0 "$CALR" bench numerics $epoch --peer ./compares.sh
prints "other 3.0" "losses of 2 steps" "2.0e-06  3.0e-02  conv1" "other f32" "1.0e-01  2.0e-01     2.0e-01"
holds "$(grep -c -e weights -e first -e images.npy -e labels.npy -e vectors.npy folder.txt)" = 5
expect 1 "$CALR" bench numerics $epoch --peer ./peer.sh
says "calr: the peer other 1.0 reported neither gradients nor losses"
expect 2 "$CALR" bench numerics --network small --height 16 --width 8 --batch 80 --images 16 --peer ./compares.sh
says "16 images are fewer than a batch"

# ---- JSON
expect 0 "$CALR" bench train $tiny --cpu --json --peer ./peer.sh
holds "$(grep -c '"cpu":true' options.json)$(grep -c '"clock": "processor"' out.txt)" = 11
cp out.txt bench.json
expect 0 "$CALR" -e 'local b = calr.json.decode(calr.sys.read_file "bench.json")
    local row = b.rows[1]
    print(b.benchmark, #b.rows, row.work, #row.samples, row.peers[1].name, row.peers[1].seconds, row.peers[1].memory)
    assert(math.abs(row.share - math.max(row.flops / 100e9, (row.bytes or 0) / 10e9) / row.seconds) < 1e-9)
    assert(row.flops > 1e6 and row.seconds > 0 and b.options.batch == 4 and b.limits.gemm == 100e9)'
prints "train	1	small 16x8, batch 4	2	other 1.0	2.0	9437184.0"

# ---- the words of the vocabulary: the peer is asked for each expression, both ways
cat >words.sh <<'SH'
#!/bin/sh
cp "$(expr "$2" : '.*"questions":"\([^"]*\)"')" questions.json
echo '{"name": "other 1.0", "seconds": []}'
while read -r line; do
    echo "$line" >>asked.txt
    echo '{"name": "other 1.0", "seconds": [0.002]}'
done
SH
chmod +x words.sh
expect 0 "$CALR" bench ops --only reduce/sum,matmul --quick --repeat 2 --threads 2 --peer ./words.sh --markdown ops.md
prints "linalg" "matmul              4 x 4 " "2.00 ms" "sum                 64 x 2048 " "and backward" "at most 16 elements" "median of " "without recording"
holds "$(grep -c '"torch":"x.sum()"' questions.json)" = 1
holds "$(grep -c '^run [0-9]* [0-9]* forward [0-9.]*$' asked.txt)" -ge 10
holds "$(grep -c '^run [0-9]* [0-9]* both [0-9.]*$' asked.txt)" -ge 10
holds "$(grep -c ' forward 0$' asked.txt)" -ge 1 # few elements need one thread, and nothing settles
holds "$(grep -c ' forward 0.03$' asked.txt)" -ge 1
holds "$(grep -c -e '^## linalg' -e '^## reduce' -e '^| sum | 64 x 2048 | ' ops.md)" = 3
expect 0 "$CALR" bench ops --only sum --quick --repeat 1
expect 2 "$CALR" bench ops --only sume
says "no family or word is called sume"

# ---- the others
expect 0 "$CALR" bench step $tiny
prints "kernels of a step" "conv2d_backward_weights" "batch_norm_train" "outside kernels" "<= 3 %, is"
expect 0 "$CALR" bench layers $tiny
prints "by layer" "layer1.0.conv2 " "layer3.0.downsample.0 " "4x8x4x32>32 3x3/1" "(loss, update)" "sum " "norms, backward" \
    "all kernels"
expect 0 "$CALR" bench layers $tiny --sort gap --top 3 --json
prints '"name": "layer1.0.bn1"' '"detail": "4x8x4x32>32 3x3/1"' '"norm backward"'
expect 0 "$CALR" bench tsne --images 120 --dim 8 --perplexity 5 --iterations 20 --repeat 1 --limits 100,10 --peer ./peer.sh
prints "120 x 8, perplexity 5" "other 1.0" "of 10 nearest neighbours" "kept in the plane" "divergence"
expect 0 "$CALR" bench start --repeat 2
prints "calr -e 'return'" "the shell alone"
expect 2 "$CALR" bench start --cpu
says "the start of other processes is measured by the clock"
expect 0 "$CALR" bench temporaries --count 20 --mib 0.5 --parts 2
prints "20 temporaries of 0.5 MiB" "closed by hand" ">= 0.67x"

expect 0 "$CALR" bench block --batch 2 --tokens 5 --channels 8 --heads 2 --repeat 2 --limits 100,10 --peer ./peer.sh
prints "forward, 2 x 5" "forward, backward, 2 x 5" "other 1.0" "images/s" ">= 1x"
expect 0 "$CALR" bench block --batch 2 --tokens 5 --channels 8 --heads 2 --repeat 1 --limits 100,10 --precision bf16

expect 0 "$CALR" bench graph --images 700 --queries 50 --dim 8 --k 4 --recall 0.9 --limits 100,10 --peer ./peer.sh
prints "graph of 700 x 8" "50 queries, k = 4" "other 1.0" "exact, k = 4" "inverted file" "recall at 4"
holds "$(grep -c '"recall":0.9' options.json)" = 1
expect 0 "$CALR" bench graph --images 700 --queries 50 --dim 8 --k 4 --others no --json --limits 100,10
prints '"program": "calr"'

small="--network small --height 16 --width 8 --batch 4 --repeat 2 --limits 100,10"
expect 0 "$CALR" bench layers $tiny --pass infer
prints "inference, by layer" "layer3.0.downsample.1" "the whole, with kernels counted"
expect 0 "$CALR" bench train $tiny --scaling --threads 2
prints "small, 2 threads" "products of matrices, 2 threads" "reading memory, 2 threads" "one thread" ">= 1.85x"
expect 0 "$CALR" bench infer $small --precision bf16 --forms eager --peer ./peer.sh
prints "small 16x8, batch 4, bf16"
holds "$(grep -c '"precision":"bf16"' options.json)" = 1
expect 0 "$CALR" bench layers $tiny --pass infer --precision bf16
prints "inference, by layer" "layer3.0.downsample.1"
expect 0 "$CALR" bench step $tiny --precision bf16
prints "small 16x8, batch 4, bf16"
expect 0 "$CALR" bench infer $small --features 9
prints "features of 8 images, with decoding" "the bare network" ">= 0.95x"
expect 0 "$CALR" bench infer $small --unfolded --forms eager --peer ./peer.sh
prints "small 16x8, batch 4 " "small 16x8, batch 4, not folded" "other 1.0"
holds "$(grep -c '"form":"eager"' options.json)" = 1
expect 0 "$CALR" bench data --images 12 --height 32 --width 16 --batch 5 --repeat 2 --threads 2 --peer ./peer.sh
prints "12 images" "decoding alone, one core" "training batches, 2 workers" "images/s"
holds "$(grep -c '"workers":2' options.json)" = 1

# ---- what it refuses
expect 2 "$CALR" bench trian
says 'there is no benchmark "trian" (did you mean "train"?)'
expect 2 "$CALR" bench train --bach 3
says "unknown option --bach (did you mean --batch?)"
expect 2 "$CALR" bench train --batch many
says '--batch must be a whole number'
expect 2 "$CALR" bench train --network resnet5
says 'has no choice "resnet5" (did you mean "resnet50"?)'
expect 2 "$CALR" bench train extra words
says "one word too many"
expect 2 "$CALR" bench --json
says "which benchmark? Its name comes first"
expect 2 "$CALR" bench train --repeat 0
says "--repeat must be a whole number from 1"
expect 2 "$CALR" bench train --limits 100
says "--limits takes two numbers"
expect 2 "$CALR" bench train --peer
says "--peer takes the path of a Python"
expect 2 "$CALR" bench train $tiny --peer ./absent.sh
says "there is no program ./absent.sh"
expect 2 "$CALR" bench train $tiny --peer ./peer.sh --peers nowhere
says "the peers' scripts are not in nowhere" "--peers"

# ---- a whole epoch by phase
expect 0 "$CALR" data make street -o small.lmdb --ids 8 --cameras 2 --images 3 --test-ids 4 --distractors 2 --junk 2 \
    --height 32 --width 16
expect 0 "$CALR" bench run --data small.lmdb --height 32 --width 16 --iterations 2 --clusters 4 --instances 2 --k 6 \
    --repeat 1 --limits 100,10 --peer ./peer.sh
prints "features" "neighbours" "clustering" "refinement" "training" "evaluation" "all phases" "other 1.0" "2.00 s"
holds "$(grep -c '"folder"' options.json)$(grep -c '"batch":8' options.json)" = 11
expect 1 "$CALR" bench run --data absent.lmdb --repeat 1
says "absent.lmdb"
finish
