# What the program finds in its environment, and what it does there for OpenMP before main.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"

cat >environment.lua <<'LUA'
local names = { "GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OLDPWD", "SHLVL", "PWD" }
for _, name in ipairs(names) do print(name .. "=" .. tostring(os.getenv(name))) end
local children <close> = io.popen "env"
local seen = 0
for line in children:lines() do seen = seen + (line:match "^OLDPWD=" and 1 or 0) end
print("in a child: " .. seen)
LUA
bare="env -i PATH=$PATH CALR_THREADS=1 OMP_DISPLAY_ENV=verbose"

# An entry gives way while the libraries are loaded, and is back afterwards; OpenMP has read the number.
expect 0 $bare OLDPWD=/before SHLVL=3 "$CALR" environment.lua
prints "GOMP_SPINCOUNT=10000" "OMP_WAIT_POLICY=nil" "OLDPWD=/before" "SHLVL=3" "in a child: 1"
says "GOMP_SPINCOUNT = '10000'"
[ "$(grep -c 'OPENMP DISPLAY ENVIRONMENT BEGIN' err.txt)" = 1 ] || fault "it started itself once more"

# With nothing to give way it starts itself once more.
expect 0 $bare "$CALR" environment.lua
prints "GOMP_SPINCOUNT=10000" "in a child: 0"
says "GOMP_SPINCOUNT = '10000'"

# What the user has set stands.
expect 0 $bare OLDPWD=/before GOMP_SPINCOUNT=77 "$CALR" environment.lua
prints "GOMP_SPINCOUNT=77" "OLDPWD=/before"
says "GOMP_SPINCOUNT = '77'"
expect 0 $bare OLDPWD=/before OMP_WAIT_POLICY=passive "$CALR" environment.lua
prints "GOMP_SPINCOUNT=nil" "OMP_WAIT_POLICY=passive" "OLDPWD=/before"
finish
