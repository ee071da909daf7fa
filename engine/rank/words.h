/* Rows as whole numbers of 16 bits, and products of some pairs of them: they nearly always decide what products of
 * bytes leave open (bounded.h), and read half of what products in f32 read. Internal to rank/.
 *
 * A row x, no longer than 1, is s q + e like those of neighbours/knn_bytes.h, and the bound of a product is the same.
 * Products add up modulo 2^32. Bytes know the product well enough to say which of the sums that are equal modulo 2^32
 * it is, if s is not too small. */
#ifndef CALR_RANK_WORDS_H
#define CALR_RANK_WORDS_H

#include <stdint.h>

typedef struct calr_words {
    int16_t *q;    /* [n x d] */
    float *scale;  /* [n] s */
    float *radius; /* [n] |e| + |e|^2 / 2, with CALR_BYTES_SLACK */
} calr_words;

/* The least s for rows of d <= 65536 columns whose bytes have a radius of no more than this. */
double calr_words_least(double radius, int64_t d);

/* Writes row i of `out`: (row - centre) * unit, with an s of `least` or more. */
void calr_words_write(const calr_words *out, int64_t i, const float *row, const double *centre,
                      int64_t d, double least, double unit);

/* Row i of rows[n x d] with the rows of `others` that which[ends[i - 1] .. ends[i] - 1] names (which[0 .. ends[0] - 1]
 * for the first one): products[p] is that of which[p], modulo 2^32. */
void calr_words_products(const int16_t *rows, const int32_t *ends, int64_t n, const int16_t *others,
                         const int32_t *which, int64_t d, uint32_t *products);

/* The whole product, from what is left of it and about what it is. */
static inline double calr_words_whole(uint32_t product, double about)
{
    uint32_t low = (uint32_t)(uint64_t)(int64_t)about;
    return (double)((int64_t)about + (int32_t)(product - low));
}

#endif
