#include "base/kind.h"

#include <ctype.h>
#include <string.h>

const char *calr_kind_of_bytes(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    static const struct {
        size_t offset, length;
        const char *magic, *kind;
    } kinds[] = {
        {0, 4, "GIF8", "a GIF image"},
        {8, 4, "WEBP", "a WebP image"},
        {0, 4, "II*\0", "a TIFF image"},
        {0, 4, "MM\0*", "a TIFF image"},
        {4, 8, "ftypavif", "an AVIF image"},
        {4, 8, "ftypheic", "a HEIC image"},
        {4, 8, "jP  \r\n\x87\n", "a JPEG 2000 image"},
        {0, 2, "\xff\x0a", "a JPEG XL image"},
        {0, 2, "PK", "a ZIP archive"},
        {0, 2, "\x1f\x8b", "a gzip archive"},
        {257, 5, "ustar", "a tar archive"},
        {0, 8, "\x89HDF\r\n\x1a\n", "an HDF5 file"},
        {0, 6, "\x93NUMPY", "a file of NumPy"},
        {0, 42, "version https://git-lfs.github.com/spec/v1",
         "a pointer of Git LFS (git lfs pull fetches the file itself)"},
        {0, 4, "%PDF", "a PDF document"},
        {0, 5, "<?xml", "an XML document"},
        {0, 9, "<!DOCTYPE", "an HTML page"},
        {0, 5, "<html", "an HTML page"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (size >= kinds[i].offset + kinds[i].length &&
            memcmp(bytes + kinds[i].offset, kinds[i].magic, kinds[i].length) == 0)
            return kinds[i].kind;
    size_t head = size < 64 ? size : 64, zeros = 0, printable = 0;
    for (size_t i = 0; i < head; i++) {
        zeros += bytes[i] == 0;
        printable += isprint(bytes[i]) || isspace(bytes[i]);
    }
    if (zeros == head)
        return "nothing but zero bytes";
    return printable == head ? "text" : NULL;
}
