# What the program is given from outside and cannot do with: variables it does not understand, an address space too
# short, a data set cut short while it is open.
set -u
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

# ---- variables of the environment
# refuses VARIABLE=VALUE TEXT...
refuses() {
    local setting=$1
    shift
    expect 2 env "$setting" "$CALR" -e 'print "ran"'
    says "calr: the environment variable ${setting%%=*} is \"${setting#*=}\"" "$@"
    holds ! -s out.txt
}
for value in abc 4x 0 -1 5000 1.5 ' 2' 99999999999999999999; do
    refuses CALR_THREADS="$value" "a whole number from 1 to 1024"
done
refuses CALR_BACKEND=cuda "portable"
refuses CALR_BF16=yes "auto, onednn, f32"
refuses CALR_CONV=fft "direct"
refuses CALR_TRACEBACK=1 "full"
refuses CALR_HOME=/nowhere "no lua/calr/init.lua in it"
for setting in CALR_THREADS= CALR_THREADS=3 CALR_BACKEND=portable CALR_BF16=f32 CALR_CONV=direct CALR_TRACEBACK=full; do
    expect 0 env "$setting" "$CALR" -e 'print "ran"'
    prints ran
done
expect 0 env CALR_THREADS=3 "$CALR" -e 'print(require("calr.sys").threads())'
prints 3

# ---- a data set that another program cuts short
expect 0 "$CALR" data make street -o t.lmdb --ids 8 --cameras 2 --images 4 --test-ids 4 --seed 2
cp t.lmdb kept.lmdb
cat >cut.lua <<'LUA'
local calr = require "calr"
local store = calr.store.open "t.lmdb"
io.open("t.lmdb", "w"):close()
local what = os.getenv "WHAT"
if what == "jpeg" then print(pcall(store.jpeg, store, 1)) end
if what == "verify" then print(pcall(store.verify, store)) end
local loader = calr.loader.open(store, { height = 32, width = 16, workers = 2, order = store:rows { split = "train" } })
while loader:next() do end
LUA
for what in jpeg verify loader; do
    cp kept.lmdb t.lmdb
    expect 1 env WHAT=$what "$CALR" cut.lua
    says "/t.lmdb was cut short while it was open" "Restore the file"
    holds ! -s out.txt
done

# ---- little address space. Programs with a sanitizer need terabytes of it.
limited() { (ulimit -v "$1" && shift && timeout -s KILL 120 "$@"); }
if limited 2000000 "$CALR" --version >/dev/null 2>&1; then
    cat >product.lua <<'LUA'
local calr = require "calr"
local x = calr.tensor.zeros { 300, 64 }
print(#calr.cluster.knn(x, { k = 5 }))
LUA
    for kb in 200000 300000 400000 500000 600000 700000 900000; do
        for threads in 1 2; do
            checks=$((checks + 1))
            limited $kb env CALR_THREADS=$threads "$CALR" product.lua >out.txt 2>err.txt
            status=$?
            [ $status -eq 0 ] || [ $status -eq 1 ] || fault "with $kb kB and $threads threads it ends with $status"
            [ $status -eq 0 ] || contains err.txt "OpenBLAS needs" "MB of address space for $threads thread" "ulimit -v"
        done
    done
    expect 0 limited 2000000 env CALR_THREADS=2 "$CALR" product.lua
    # JSON that there is no memory for is not called malformed.
    cat >json.lua <<'LUA'
local calr = require "calr"
local text = "[" .. ("[1.5,2.5,\"\\u00e9\"],"):rep(4e6) .. "1]"
collectgarbage()
io.stderr:write "begun\n"
print(pcall(calr.json.decode, text, "big.json"))
LUA
    expect 0 limited 1000000 env CALR_THREADS=1 "$CALR" json.lua
    says begun
    prints "false" "no memory to read big.json"
fi

finish
