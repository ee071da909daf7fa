/* One reduction of one type; included by reduce.c, which says how the loops go, once for each. TYPE and FAMILY name
 * what makes it one, macros that begin with these names:
 *   TYPE_ELEMENT, TYPE_LOAD(x, i) the type of elements, and element i
 *   FAMILY_A(TYPE)                the type of accumulators
 *   FAMILY_S(TYPE), FAMILY_SIDE   the type of numbers at the side, and whether there are any: 0 or 1
 *   FAMILY_START(TYPE)            an accumulator of nothing
 *   FAMILY_STEP(a, v, s, i, p)    accumulator a with element v of row i, s at the side, and the plan's parameter
 *   FAMILY_MERGE(a, b)            b comes later
 *   FAMILY_PLACE(TYPE, a, row, group, lane)   what a is among all rows, where its rows were row + group i + lane
 *   FAMILY_FINISH(TYPE, k, at, a)       writes output `at`
 * LINE_BETTER is the comparison, and LINE_REDUCTION max or min, of a family of extremes, which are the same in any
 * order; undefined for others. */
#define JOIN_(a, b) a##_##b
#define JOIN(a, b)  JOIN_(a, b)
#define NAME        JOIN(FAMILY, TYPE)
#define T           JOIN(TYPE, ELEMENT)
#define A           JOIN(FAMILY, A)(TYPE)
#define S           JOIN(FAMILY, S)(TYPE)
#define LOAD        JOIN(TYPE, LOAD)
#define START       JOIN(FAMILY, START)(TYPE)
#define STEP        JOIN(FAMILY, STEP)
#define MERGE       JOIN(FAMILY, MERGE)
#define PLACE       JOIN(FAMILY, PLACE)
#define HAS_SIDE    JOIN(FAMILY, SIDE)
#define FINISH      JOIN(FAMILY, FINISH)
#define ROWS        JOIN(NAME, rows)
#define ACROSS_ROWS JOIN(NAME, across)
#define PART        JOIN(NAME, part)
#define ITEM        JOIN(NAME, item)

/* n rows, `pitch` apart, into `width` accumulators; the first is row i. One row `at_once`, or four: the bits are the
 * same. */
CALR_INLINE void ROWS(const T *x, int64_t n, int64_t pitch, int64_t width, int64_t i, const S *side,
                      double p, int at_once, A *acc)
{
    (void)side, (void)p;
    for (; n >= 4 && at_once == 4; n -= 4, i += 4, x += 4 * pitch) {
        const T *x1 = x + pitch, *x2 = x1 + pitch, *x3 = x2 + pitch;
#pragma omp simd
        for (int64_t j = 0; j < width; j++) {
            const S s = HAS_SIDE ? side[j] : 0;
            A a = acc[j];
            a = STEP(a, LOAD(x, j), s, (A)i, p);
            a = STEP(a, LOAD(x1, j), s, (A)(i + 1), p);
            a = STEP(a, LOAD(x2, j), s, (A)(i + 2), p);
            acc[j] = STEP(a, LOAD(x3, j), s, (A)(i + 3), p);
            (void)s;
        }
    }
    for (; n > 0; n--, i++, x += pitch) {
#pragma omp simd
        for (int64_t j = 0; j < width; j++) {
            const S s = HAS_SIDE ? side[j] : 0;
            acc[j] = STEP(acc[j], LOAD(x, j), s, (A)i, p);
            (void)s;
        }
        __asm__ volatile("" ::: "memory"); /* or two rows become one loop again */
    }
}

/* Accumulators of the outputs of a part: `group` rows side by side, each of `width` columns of `inner`. */
CALR_INLINE void PART(const plan *k, const part *q, int64_t group, int64_t width, int64_t inner,
                      A *acc)
{
    S tile[WIDEST];
    const T *x = (const T *)k->x + (q->outer * k->n + q->row) * inner + q->first;
    int64_t lanes = group * width, wide = q->rows / group, left = q->rows % group;
    for (int64_t j = 0; HAS_SIDE && j < lanes; j++)
        tile[j] = ((const S *)k->side)[q->outer * inner + q->first + j % width];
    for (int64_t j = 0; j < lanes; j++)
        acc[j] = START;
    ROWS(x, wide, group * inner, lanes, 0, tile, k->p, k->at_once, acc);
    if (left > 0)
        ROWS(x + wide * group * inner, 1, 0, left * inner, wide, tile, k->p, 1, acc);
    for (int64_t j = 0; j < lanes; j++)
        acc[j] = PLACE(TYPE, acc[j], q->row, group, j / width);
    for (int64_t half = lanes / 2; half >= width && half > 0; half /= 2)
        for (int64_t j = 0; j < half; j++)
            acc[j] = MERGE(acc[j], acc[half + j]);
}

#ifdef LINE_BETTER
#define DIRECTIVE_(text) _Pragma(#text)
#define DIRECTIVE(text)  DIRECTIVE_(text)

/* The extreme of n neighbours; NaN where one is. */
CALR_INLINE A JOIN(NAME, line)(const T *x, int64_t n)
{
    A best = START;
    int wrong = 0;
    DIRECTIVE(omp simd reduction(LINE_REDUCTION : best) reduction(| : wrong))
    for (int64_t i = 0; i < n; i++) {
        best = x[i] LINE_BETTER best ? x[i] : best;
        wrong |= IS_NAN(x[i]);
    }
    for (int64_t i = 0; wrong && i < n; i++)
        best = IS_NAN(x[i]) ? x[i] : best;
    return best;
}

#undef DIRECTIVE_
#undef DIRECTIVE
#endif

/* What the compiler knows of lines makes short ones three times as fast. */
CALR_INLINE void ITEM(const plan *k, const part *q, A *acc)
{
#ifdef LINE_BETTER
    if (k->lines) {
        acc[0] = JOIN(NAME, line)((const T *)k->x + q->outer * k->n, k->n);
        return;
    }
#endif
    if (k->inner == 1 && k->group == LINE)
        PART(k, q, LINE, 1, 1, acc);
    else
        PART(k, q, k->group, q->width, k->inner, acc);
}

/* Outputs first .. first+count-1, each of n neighbours. */
CALR_INLINE void ACROSS_ROWS(const plan *k, int64_t first, int64_t count)
{
    A acc[ACROSS];
    const T *x = (const T *)k->x + first * k->n;
    const S *side = HAS_SIDE ? (const S *)k->side + first : NULL;
    (void)side;
    for (int64_t r = 0; r < count; r++)
        acc[r] = START;
    for (int64_t i = 0; i < k->n; i++) {
        for (int64_t r = 0; r < count; r++) {
            const S s = HAS_SIDE ? side[r] : 0;
            acc[r] = STEP(acc[r], LOAD(x, r * k->n + i), s, (A)i, k->p);
            (void)s;
        }
    }
    for (int64_t r = 0; r < count; r++)
        FINISH(TYPE, k, first + r, acc[r]);
}

CALR_CLONES static void NAME(void *context, int64_t begin, int64_t end, int worker)
{
    const plan *k = context;
    (void)worker;
    for (int64_t item = begin; item < end; item++) {
        if (k->across) {
            ACROSS_ROWS(k, item * ACROSS, calr_min64(ACROSS, k->r->outer - item * ACROSS));
            continue;
        }
        A acc[WIDEST];
        part q = part_of(k, item);
        ITEM(k, &q, acc);
        if (k->slots) {
            memcpy((A *)k->slots + item * k->width, acc, (size_t)q.width * sizeof(A));
            continue;
        }
        int64_t at = q.outer * k->inner + q.first;
        for (int64_t j = 0; j < q.width; j++)
            FINISH(TYPE, k, at + j, acc[j]);
    }
}

static void JOIN(NAME, merge)(const plan *k)
{
    const A *slots = (const A *)k->slots;
    for (int64_t item = 0; item < item_count(k); item += k->chunks, slots += k->chunks * k->width) {
        part q = part_of(k, item);
        int64_t at = q.outer * k->inner + q.first;
        for (int64_t j = 0; j < q.width; j++) {
            A a = slots[j];
            for (int64_t c = 1; c < k->chunks; c++)
                a = MERGE(a, slots[c * k->width + j]);
            FINISH(TYPE, k, at + j, a);
        }
    }
}

#undef TYPE
#undef JOIN_
#undef JOIN
#undef NAME
#undef T
#undef A
#undef S
#undef LOAD
#undef START
#undef STEP
#undef MERGE
#undef PLACE
#undef HAS_SIDE
#undef FINISH
#undef ROWS
#undef ACROSS_ROWS
#undef PART
#undef ITEM
