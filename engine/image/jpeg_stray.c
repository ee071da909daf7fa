#include "image/jpeg_stray.h"

#include <string.h>

enum { SOI = 0xd8, EOI = 0xd9, SOS = 0xda };

/* Markers that stand alone, without a length: restarts, and TEM. */
static bool is_alone(int marker)
{
    return (marker >= 0xd0 && marker <= 0xd7) || marker == 0x01;
}

/* A place in a file: just behind what was last found. */
typedef struct walk {
    const uint8_t *bytes;
    size_t size, at;
} walk;

/* Where coded pixels that begin at w->at end: at the next marker that is no restart. */
static size_t run_end(const walk *w)
{
    size_t i = w->at;
    while (i + 1 < w->size && !(w->bytes[i] == 0xff && w->bytes[i + 1] != 0 &&
                                w->bytes[i + 1] != 0xff && !is_alone(w->bytes[i + 1])))
        i++;
    return i + 1 < w->size ? i : w->size;
}

/* The next marker, at *from; w->at comes behind its segment. -1: the file ends. */
static int next_segment(walk *w, size_t *from)
{
    size_t i = w->at;
    while (i + 1 < w->size &&
           !(w->bytes[i] == 0xff && w->bytes[i + 1] != 0 && w->bytes[i + 1] != 0xff))
        i++;
    if (i + 1 >= w->size)
        return -1;
    int marker = w->bytes[i + 1];
    size_t length = 2;
    if (!is_alone(marker) && marker != SOI && marker != EOI) {
        if (i + 3 >= w->size)
            return -1;
        length += (size_t)w->bytes[i + 2] << 8 | w->bytes[i + 3];
    }
    *from = i;
    w->at = length <= w->size - i ? i + length : w->size;
    return marker;
}

size_t calr_jpeg_without_gaps(const uint8_t *bytes, size_t size, uint8_t *to)
{
    walk w = {bytes, size, 0};
    size_t copied = 0, from;
    int marker;
    while ((marker = next_segment(&w, &from)) >= 0) {
        size_t end = w.at;
        if (marker == SOS)
            end = w.at = run_end(&w);
        if (marker == EOI)
            end = size; /* what follows the end does not matter */
        memcpy(to + copied, bytes + from, end - from);
        copied += end - from;
        if (marker == EOI)
            break;
    }
    return copied;
}

bool calr_jpeg_cut_run(uint8_t *bytes, size_t *size, int n, int marker, size_t count)
{
    walk w = {bytes, *size, 0};
    size_t from;
    int found;
    while ((found = next_segment(&w, &from)) >= 0 && found != EOI) {
        if (found != SOS)
            continue;
        size_t begin = w.at, end = run_end(&w);
        w.at = end;
        if (end + 1 >= *size || bytes[end + 1] != marker || n-- > 0)
            continue;
        if (end - begin < count)
            return false;
        memmove(bytes + end - count, bytes + end, *size - end);
        *size -= count;
        return true;
    }
    return false;
}
