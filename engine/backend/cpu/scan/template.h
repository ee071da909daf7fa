/* The loops of scans for one type. The including file says NAME(of a function), NUMBER (how a number is kept),
 * VALUE (how it is compared), TOTAL (how it is added up), LOAD(x, i), STORE(y, i, value) and IS_NAN(value). */

/* Lines side by side: number i of line j is at x[i * along + j * between]. total[j] is what came before the first. A
 * line is gone through backwards where `along` is below 0. */
CALR_INLINE void NAME(totals_of)(bool sum, int lines, int64_t n, int64_t along, int64_t between,
                                 const NUMBER *x, NUMBER *y, TOTAL *total)
{
    for (int64_t i = 0; i < n; i++, x += along, y += along) {
#pragma omp simd
        for (int j = 0; j < lines; j++) {
            TOTAL v = (TOTAL)LOAD(x, j * between);
            total[j] = sum ? total[j] + v : total[j] * v;
            STORE(y, j * between, total[j]);
        }
    }
}

CALR_INLINE void NAME(totals_by)(bool sum, int lines, int64_t n, int64_t along, int64_t between,
                                 const NUMBER *x, NUMBER *y, TOTAL *total)
{
    if (between == 1)
        NAME(totals_of)(sum, lines, n, along, 1, x, y, total);
    else if (lines == ABREAST)
        NAME(totals_of)(sum, ABREAST, n, along, between, x, y, total);
    else if (lines == 1) /* a total in a register */
        NAME(totals_of)(sum, 1, n, along, between, x, y, total);
    else
        NAME(totals_of)(sum, lines, n, along, between, x, y, total);
}

CALR_CLONES static void NAME(totals)(const block *b, const void *x, void *y, const void *before)
{
    TOTAL total[NEIGHBOURS];
    for (int j = 0; j < b->lines; j++)
        total[j] = before ? ((const TOTAL *)before)[j] : b->sum ? 0 : 1;
    if (b->sum)
        NAME(totals_by)(true, b->lines, b->n, b->along, b->between, x, y, total);
    else
        NAME(totals_by)(false, b->lines, b->n, b->along, b->between, x, y, total);
}

/* The largest (or smallest) so far, and where it is: the last of equals, and of NaNs, which no number replaces. */
CALR_INLINE void NAME(extremes_of)(bool largest, int lines, int64_t n, int64_t along,
                                   int64_t between, const NUMBER *x, NUMBER *y, int64_t *positions)
{
    VALUE best[NEIGHBOURS];
    int64_t at[NEIGHBOURS];
    for (int j = 0; j < lines; j++) {
        best[j] = LOAD(x, j * between);
        at[j] = 0;
    }
    for (int64_t i = 0; i < n; i++, x += along, y += along, positions += along) {
#pragma omp simd
        for (int j = 0; j < lines; j++) {
            VALUE v = LOAD(x, j * between), b = best[j];
            bool stays = !(IS_NAN(v) | (largest ? v >= b : v <= b));
            best[j] = stays ? b : v;
            at[j] = stays ? at[j] : i;
            STORE(y, j * between, best[j]);
            positions[j * between] = at[j];
        }
    }
}

CALR_INLINE void NAME(extremes_by)(bool largest, const block *b, const NUMBER *x, NUMBER *y,
                                   int64_t *positions)
{
    if (b->between == 1)
        NAME(extremes_of)(largest, b->lines, b->n, b->along, 1, x, y, positions);
    else if (b->lines == ABREAST)
        NAME(extremes_of)(largest, ABREAST, b->n, b->along, b->between, x, y, positions);
    else if (b->lines == 1)
        NAME(extremes_of)(largest, 1, b->n, b->along, b->between, x, y, positions);
    else
        NAME(extremes_of)(largest, b->lines, b->n, b->along, b->between, x, y, positions);
}

CALR_CLONES static void NAME(extremes)(const block *b, const void *x, void *y, int64_t *positions)
{
    if (b->largest)
        NAME(extremes_by)(true, b, x, y, positions);
    else
        NAME(extremes_by)(false, b, x, y, positions);
}

#undef NAME
#undef NUMBER
#undef VALUE
#undef TOTAL
#undef LOAD
#undef STORE
#undef IS_NAN
