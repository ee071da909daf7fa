# ./bootstrap with pretended package managers and compilers: what it asks of them, and what it says when they fail.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
mkdir -p tree/build bin
cp -r "$CALR_TEST_SOURCE/bootstrap" "$CALR_TEST_SOURCE/third_party" tree/
for tool in bash env sed awk xargs dirname nproc id cat printf rm mkdir; do
    ln -s "$(command -v $tool)" bin/$tool
done
run() { env -i HOME="$PWD" PATH="$PWD/bin" LOG="$PWD/log" bash tree/bootstrap "$@"; }
pretend() { # pretend NAME BODY
    printf '#!/bin/bash\necho "%s $*" >>"$LOG"\n%s\n' "$1" "$2" >bin/"$1"
    chmod +x bin/"$1"
}

expect 0 run --help
prints "usage: ./bootstrap" "demo" "test" "--no-install"
expect 2 run dmeo
says 'unknown argument "dmeo"'

# no apt: the list, and how to go on
expect 1 run
says "no apt-get" "liblmdb-dev" "liblua5.4-dev" "--no-install"

# packages missing, no network
pretend dpkg-query 'case $* in *liblmdb-dev*|*libpng-dev*) exit 1;; *) printf installed;; esac'
pretend apt-get 'exit 100'
pretend sudo 'exec "$@"'
expect 1 run
says "these packages are missing and could not be installed: liblmdb-dev libpng-dev" "Is there a network?"
contains log "apt-get -qq --simulate install --no-install-recommends liblmdb-dev libpng-dev" "apt-get -q update"
checks=$((checks + 1)) && ! grep -q 'install -y' log || fault "packages were installed that apt does not know"
# apt knows them, but its list is too old to download by: refreshed once, and tried again
: >log
pretend apt-get 'case $* in *-y*) exit 100;; esac'
expect 1 run
says "these packages are missing and could not be installed: liblmdb-dev libpng-dev"
prints "refreshing the list of packages"
holds "$(grep -c '^apt-get -q install -y --no-install-recommends liblmdb-dev libpng-dev' log)" -eq 2

# missing, and then installed
pretend dpkg-query 'case $* in *liblmdb-dev*) [ -f "$LOG.installed" ] && printf installed;; *) printf installed;; esac'
pretend apt-get 'case $* in *install*) : >"$LOG.installed";; esac'
pretend cmake ''
pretend ctest 'echo "100% tests passed"'
: >log
expect 0 run
prints "installing: liblmdb-dev" "done: build/calr"
contains log "apt-get -q install" "cmake -S $PWD/tree -B $PWD/tree/build -DCMAKE_BUILD_TYPE=Release" "--target calr"

# a second time asks for nothing, and does not touch the network
: >log
pretend apt-get 'exit 100'
expect 0 run
prints "all system packages are installed"
checks=$((checks + 1)) && ! grep -q apt-get log || fault "apt-get was called without need"

# a package of another name stands for one of the list, as Ubuntu's chromium-browser for chromium
pretend dpkg-query 'case $* in
    *Provides*) printf "installed, x-browser, libpng-dev (= 1), y\nconfig-files, liblmdb-dev\n";;
    *libpng-dev*|*liblmdb-dev*) exit 1;;
    *) printf installed;;
esac'
expect 1 run
holds "$(grep -c 'could not be installed: liblmdb-dev$' err.txt)" -eq 1
pretend dpkg-query 'printf installed'
expect 0 run

# a tree that was moved with its build folder starts it anew; a link to the tree is no move
echo "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD/tree" >tree/build/CMakeCache.txt
ln -s tree link
expect 0 env -i HOME="$PWD" PATH="$PWD/bin" LOG="$PWD/log" bash link/bootstrap
holds -f tree/build/CMakeCache.txt
echo "CMAKE_HOME_DIRECTORY:INTERNAL=/nonexistent/tree" >tree/build/CMakeCache.txt
expect 0 run
prints "build was configured in /nonexistent/tree and is built anew"
holds ! -e tree/build/CMakeCache.txt

# left alone: what is needed is named when the build cannot be configured
pretend cmake 'exit 1'
expect 1 run --no-install
says "configuring failed" "equivalents: gcc libc6-dev"
pretend cmake ''

# demo ends in the demo, test in the tests of both builds
pretend calr 'exit 7'
mv bin/calr tree/build/calr
: >log
expect 7 run demo
contains log "calr run experiments/demo.lua"
: >log
expect 0 run test
prints "100% tests passed"
contains log "dpkg-query -W -f=\${db:Status-Status} lua-check" "CALR_SANITIZE=address,undefined" "--label-regex ^(c|lua|fuzz)\$"
pretend ctest 'case $* in *asan*) exit 8;; esac'
expect 1 run test
says "some tests failed"
expect 0 run --no-install
holds "$(cd "$CALR_TEST_SOURCE" && ls -d .ci/run)" = .ci/run
finish
