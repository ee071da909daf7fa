#include "image/exif.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { APP1 = 0xe1, SOS = 0xda, ENTRY = 12, ORIENTATION = 0x112, SHORT = 3 };

/* The TIFF file inside a segment. */
typedef struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool big;
} tiff;

/* `at` lies inside. */
static unsigned read_2(const tiff *t, size_t at)
{
    unsigned first = t->bytes[at], second = t->bytes[at + 1];
    return t->big ? first << 8 | second : second << 8 | first;
}

static size_t read_4(const tiff *t, size_t at)
{
    size_t first = read_2(t, at), second = read_2(t, at + 2);
    return t->big ? first << 16 | second : second << 16 | first;
}

static int orientation_of(tiff t)
{
    if (t.size < 8 || (memcmp(t.bytes, "II*\0", 4) != 0 && memcmp(t.bytes, "MM\0*", 4) != 0))
        return 1;
    t.big = t.bytes[0] == 'M';
    size_t at = read_4(&t, 4);
    if (at > t.size - 2)
        return 1;
    size_t count = read_2(&t, at), room = (t.size - at - 2) / ENTRY;
    for (size_t i = 0; i < count && i < room; i++) {
        size_t entry = at + 2 + i * ENTRY;
        if (read_2(&t, entry) != ORIENTATION || read_2(&t, entry + 2) != SHORT)
            continue;
        unsigned value = read_2(&t, entry + 8);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

int calr_exif_orientation(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    if (size < 4 || bytes[0] != 0xff || bytes[1] != 0xd8)
        return 1;
    for (size_t at = 2; at + 4 <= size && bytes[at] == 0xff && bytes[at + 1] != SOS;) {
        size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (length < 2 || length > size - at - 2)
            return 1;
        if (bytes[at + 1] == APP1 && length >= 8 && memcmp(bytes + at + 4, "Exif\0\0", 6) == 0)
            return orientation_of((tiff){.bytes = bytes + at + 10, .size = length - 8});
        at += 2 + length;
    }
    return 1;
}
