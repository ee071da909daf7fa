# The other version of oneDNN's interface, where it is to be had: CALR_ONEDNN3 is a folder with include/ and lib/ of
# oneDNN 3, such as the unpacked wheels onednn-cpu-gomp and onednn-devel-cpu-gomp of PyPI. The convolutions, the folded
# networks and the gradients of the networks are tested with it.
. "$CALR_TEST_SOURCE/tests/cli/expect.sh"
if [ -z "${CALR_ONEDNN3:-}" ]; then
    echo "skipped: CALR_ONEDNN3 names no folder with oneDNN 3"
    exit 77
fi
includes=$CALR_ONEDNN3/include/oneapi/dnnl library=$CALR_ONEDNN3/lib/libdnnl.so
expect 0 cmake -S "$CALR_TEST_SOURCE" -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCALR_BUILD_TESTS=ON \
    "-DOneDNN_INCLUDE_DIR=$includes" "-DOneDNN_LIBRARY=$library"
prints "Found OneDNN"
expect 0 ninja -C build calr test_backend_conv
export LD_LIBRARY_PATH=$CALR_ONEDNN3/lib
expect 0 build/calr info
prints "oneDNN         3."
expect 0 build/tests/c/test_backend_conv
for name in nn folded layers models bf16; do
    expect 0 bash "$CALR_TEST_SOURCE/tests/run.sh" "$PWD/build/calr" "$CALR_TEST_SOURCE/tests/lua/test_$name.lua" "$PWD/$name"
done
finish
