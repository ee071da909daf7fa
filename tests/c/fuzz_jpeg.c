/* libFuzzer's entry for the decoders: any bytes must give pixels or a reason. Build with clang:
 *
 *   cmake -S . -B build-fuzz -DCMAKE_C_COMPILER=clang -DCALR_BUILD_FUZZERS=ON \
 *         -DCALR_SANITIZE=address,undefined,fuzzer-no-link
 *   cmake --build build-fuzz --target fuzz_jpeg
 *   build-fuzz/tests/c/fuzz_jpeg -max_len=8192 CORPUS tests/reference/image
 */
#include <stdlib.h>

#include "image/decoder.h"
#include "image/jpeg.h"
#include "image/png.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static calr_jpeg *jpeg;
    static calr_decoder *decoder;
    if (!jpeg && (calr_jpeg_new(&jpeg) != CALR_OK || calr_jpeg_set_limit(jpeg, 1 << 20) != CALR_OK))
        abort();
    if (!decoder && (calr_decoder_new(&decoder) != CALR_OK ||
                     calr_decoder_set_limit(decoder, 1 << 20) != CALR_OK))
        abort();
    const uint8_t *pixels;
    uint8_t *owned = NULL;
    int width, height;
    calr_jpeg_info info;
    calr_status probed = calr_jpeg_probe(bytes, size, &info);
    calr_status decoded = calr_jpeg_decode(jpeg, bytes, size, &pixels, &width, &height);
    if (decoded == CALR_OK && (probed != CALR_OK || info.width != width || info.height != height))
        abort();
    (void)calr_decoder_decode(decoder, bytes, size, &pixels, &width, &height);
    if (calr_png_decode(bytes, size, &owned, &width, &height) == CALR_OK)
        free(owned);
    return 0;
}
