# `require "calr"` from a stock lua5.4: from the build, and installed; the host's process stays as it is.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
command -v lua5.4 >/dev/null || { echo "the package lua5.4 is not installed"; exit 77; }
build=$(dirname "$CALR") here=$PWD
nm -D "$build/lua/calr/engine.so" 2>/dev/null | grep -q __asan && { echo "a stock lua5.4 has no sanitizer"; exit 77; }
export LUA_CPATH="$build/lua/?.so;;"
lua() { lua5.4 "$@"; }

expect 0 lua -e 'calr = require "calr"; print(calr.tensor{1, 2, 3}:sum(), calr.version, calr.sys.paths.executable)'
prints "f32[]" "0.1" "$CALR"
# The Lua files may be on LUA_PATH too, and be found first.
expect 0 env LUA_PATH="$CALR_TEST_SOURCE/lua/?.lua;$CALR_TEST_SOURCE/lua/?/init.lua;;" lua5.4 -l calr -e 'print(calr.relu)'
prints "function"
expect 1 env LUA_CPATH="nowhere/?.so" LUA_PATH="$CALR_TEST_SOURCE/lua/?/init.lua;;" lua5.4 -l calr
says "calr needs its engine, calr.so, on package.cpath"
expect 1 env CALR_HOME=/nowhere lua5.4 -l calr
says "CALR_HOME" "there is no lua/calr/init.lua in it"

# Three steps of training.
cat >train.lua <<'LUA'
local calr = require "calr"
local net = calr.models.small()
net:init(1)
local head = calr.nn.linear(net.dim, 4)
head:init(2)
local parameters = net:parameters()
for _, one in ipairs(head:parameters()) do parameters[#parameters + 1] = { name = "head." .. one.name, tensor = one.tensor } end
local optimizer = calr.optim.sgd(parameters, { lr = 0.05, momentum = 0.9 })
local x = calr.randn(8, 64, 32, 3, { generator = calr.rng.open { seed = 3 } })
local labels = calr.tensor({ 0, 1, 2, 3, 0, 1, 2, 3 }, "i32")
local losses = {}
for step = 1, 3 do
  optimizer:zero_grad()
  local loss = calr.cross_entropy(head(net(x)), labels)
  loss:backward()
  optimizer:step()
  losses[step] = loss:item()
end
assert(losses[3] < losses[1], table.concat(losses, " "))
print("trained", table.concat(losses, " "))
LUA
expect 0 lua train.lua
prints "trained"
cp out.txt guest.txt
expect 0 "$CALR" train.lua # the same numbers as in the program
holds "$(cat out.txt)" = "$(cat guest.txt)"

# Tests of the library, run by the stock Lua.
for name in tensor autograd memory cluster random; do
    [ -f "$CALR_TEST_SOURCE/tests/lua/test_$name.lua" ] || continue
    mkdir "$name" && cd "$name" || exit 1
    expect 0 env LUA_PATH="$CALR_TEST_SOURCE/tests/lua/?.lua;;" lua5.4 -l calr "$CALR_TEST_SOURCE/tests/lua/test_$name.lua"
    cd "$here" || exit 1
    mv "$name/out.txt" "$name/err.txt" .
    prints "checks passed, 0 tests failed"
done

# The host's signals, environment and collector's step stay the host's.
cat >signals.lua <<'LUA'
local function signals()
  local kept = {}
  for line in io.lines "/proc/self/status" do
    local name, mask = line:match "^(Sig[BIC]%a+):%s*(%x+)"
    -- Without 32 and 33, which are glibc's own: it has them as soon as there are threads.
    if name then kept[#kept + 1] = ("%s %x"):format(name, tonumber(mask, 16) & ~(3 << 31)) end
  end
  return table.concat(kept, "\n")
end
local before = signals()
local calr = require "calr"
calr.randn(300, 300, { generator = calr.rng.open { seed = 1 } }):matmul(calr.zeros(300, 300))
calr.cluster.knn(calr.randn(500, 8, { generator = calr.rng.open { seed = 1 } }), { k = 5 })
assert(signals() == before, before .. "\nbecame\n" .. signals())
assert(os.getenv "GOMP_SPINCOUNT" == nil)
print "unchanged"
LUA
expect 0 env -u OMP_WAIT_POLICY lua5.4 signals.lua
prints "unchanged"
# Ctrl-C is lua5.4's own: an error at the next line.
cat >endless.lua <<'LUA'
local calr = require "calr"
local x = calr.zeros(200, 200)
print "on" io.stdout:flush()
while true do x = x:matmul(x) end
LUA
lua5.4 endless.lua >out.txt 2>err.txt &
program=$!
for _ in $(seq 100); do
    grep -q on out.txt && break
    sleep 0.1
done
# A job in the background ignores SIGINT, so lua5.4 is told by its own way: it sets its handler all the same.
kill -INT $program
wait $program
status=$?
holds $status -ne 0
says "interrupted!"

# A host of our own with several states, one after the other, at once, and in threads.
if command -v gcc >/dev/null; then
    flags=$(pkg-config --cflags --libs lua5.4 2>/dev/null || echo "-I/usr/include/lua5.4 -llua5.4")
    # shellcheck disable=SC2086  # a list of options
    expect 0 gcc -Wall -Werror -o two_states "$CALR_TEST_SOURCE/tests/cli/two_states.c" -Wl,-E $flags -lpthread
    expect 0 ./two_states
fi

# Installed, also when it is moved afterwards.
if command -v cmake >/dev/null; then
    expect 0 cmake --install "$build" --prefix "$here/prefix"
    mv prefix moved
    export LUA_CPATH="$here/moved/lib/lua/5.4/?.so;;"
    expect 0 lua -e 'local calr = require "calr" print(calr.sys.paths.home, calr.sys.paths.executable, calr.zeros(2))'
    prints "$here/moved/share/calr" "$here/moved/bin/calr" "f32[2]"
    cp train.lua moved && cd moved || exit 1
    expect 0 lua train.lua
    prints "trained"
fi
finish
