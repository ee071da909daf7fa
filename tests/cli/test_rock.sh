# `luarocks make` builds and installs a rock: the library for a stock lua5.4, and the program, without the source tree.
# A whole build; it runs where ccache has the objects of the build that is tested.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
[ "${CMAKE_C_COMPILER_LAUNCHER:-}" = ccache ] || { echo "a build without ccache takes too long"; exit 77; }
for program in luarocks ccache cmake ninja lua5.4; do
    command -v $program >/dev/null || { echo "$program is not installed"; exit 77; }
done
here=$PWD rocks=$PWD/rocks
mkdir tree && cd tree || exit 1
for part in engine lua third_party experiments datasets CMakeLists.txt; do cp -R "$CALR_TEST_SOURCE/$part" .; done
cp "$CALR_TEST_SOURCE"/*.rockspec .
echo 'cmake_generator = "Ninja"' >luarocks.lua
# The same compilations as in the build that is tested, seen from its folder.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CMAKE_BUILD_PARALLEL_LEVEL=2 LUAROCKS_CONFIG=$PWD/luarocks.lua
unset CALR_HOME LUA_PATH LUA_CPATH
expect 0 luarocks --lua-version 5.4 make --tree "$rocks"
prints "is now installed in $rocks"
cd "$here" && rm -r tree || exit 1

home=$(ls -d rocks/lib/luarocks/rocks-5.4/calr/*/share/calr)
expect 0 rocks/bin/calr -e 'print(calr.sys.paths.home, calr.tensor{1, 2}:sum():item())'
prints "$here/$home	3.0"
expect 0 rocks/bin/calr --help
prints "commands:"
expect 0 env LUA_CPATH="$rocks/lib/lua/5.4/?.so;;" lua5.4 -e 'local calr = require "calr"
    print(calr.sys.paths.home, calr.sys.paths.executable, calr.tensor{1, 2}:sum():item())'
prints "$here/$home	$rocks/bin/calr	3.0"
finish
