#include "neighbours/reach.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/interrupt.h"
#include "base/size.h"
#include "base/union_find.h"
#include "neighbours/pairwise.h"
#include "neighbours/reach_lists.h"

enum { TILE = CALR_PAIRWISE_ROWS };

/* What is known of a group's shortest link to another group. */
typedef struct outlet {
    float reach; /* of the shortest that was found */
    float left;  /* no other is shorter than this */
    int32_t a, b;
    int64_t open; /* rows of the group that may have a shorter one */
} outlet;

typedef struct span {
    calr_pairwise *pairwise;
    calr_pairwise_bounds *bounds; /* NULL until rows are searched */
    calr_reach_lists lists;
    int64_t n;
    int32_t *group;   /* [n] the lowest row of the group that each row is in */
    outlet *outlets;  /* [n] of each group */
    calr_link *found; /* [n] the shortest link of a row that a search found; a = -1: none */
    int32_t *rows;    /* [n] that are searched */
} span;

static float farther(float a, float b)
{
    return a > b ? a : b;
}

/* ---- links that are known ---- */

static void offer(span *s, int32_t i, int32_t j, float reach)
{
    outlet *own = &s->outlets[s->group[i]], *other = &s->outlets[s->group[j]];
    if (reach < own->reach) {
        own->reach = reach;
        own->a = i;
        own->b = j;
    }
    if (reach < other->reach) {
        other->reach = reach;
        other->a = j;
        other->b = i;
    }
}

/* The shortest links in the lists. Those within a group are taken out: they will never leave it again. */
static calr_status offer_known(span *s)
{
    calr_reach_lists *l = &s->lists;
    for (int64_t i = 0; i < s->n; i++)
        s->outlets[i] = (outlet){.reach = INFINITY, .left = INFINITY, .a = -1};
    for (int64_t i = 0; i < s->n && !calr_interrupt_due(i); i++) {
        int32_t *rows = l->rows + i * l->width, own = s->group[i], kept = 0;
        float *apart = l->apart + i * l->width;
        for (int32_t p = 0; p < l->count[i]; p++) {
            if (s->group[rows[p]] == own)
                continue;
            offer(s, (int32_t)i, rows[p], farther(farther(l->core[i], l->core[rows[p]]), apart[p]));
            rows[kept] = rows[p];
            apart[kept++] = apart[p];
        }
        l->count[i] = kept;
        calr_link *found = &s->found[i];
        if (found->a >= 0 && s->group[found->b] == own)
            found->a = -1;
        if (found->a >= 0)
            offer(s, found->a, found->b, (float)found->length);
        s->outlets[own].left = fminf(s->outlets[own].left, l->left[i]);
    }
    return calr_interrupt_check();
}

/* ---- links that are searched ---- */

/* Looks for a shorter link of a row among the columns of a tile, the one with the least bound first, so that few are
 * measured. */
static void look(void *context, int64_t at, int64_t tile, float *bound)
{
    span *s = context;
    const calr_reach_lists *l = &s->lists;
    int32_t i = s->rows[at];
    const int32_t *group = s->group + tile * TILE;
    const float *core = l->core + tile * TILE;
    int64_t columns = s->n - tile * TILE < TILE ? s->n - tile * TILE : TILE, first = -1;
    float own = l->core[i], least = l->left[i];
    int hits = 0;
    for (int64_t c = 0; c < columns; c++) { /* in vectors */
        float reach = farther(farther(own, core[c]), bound[c]);
        bound[c] = group[c] == s->group[i] ? INFINITY : reach;
        hits |= bound[c] < least;
    }
    if (!hits)
        return;
    for (int64_t c = 0; c < columns; c++)
        if (bound[c] < least) {
            least = bound[c];
            first = c;
        }
    for (int64_t step = -1; step < columns; step++) {
        int64_t c = step < 0 ? first : step;
        if (!(bound[c] < l->left[i]) || step == first)
            continue;
        int32_t j = (int32_t)(tile * TILE + c);
        float reach = farther(bound[c], (float)calr_pairwise_measure(s->pairwise, i, j));
        if (reach < l->left[i]) {
            l->left[i] = reach;
            s->found[i] = (calr_link){i, j, reach};
        }
    }
}

/* Whether rows of the list, all of one group, meet another in a tile. */
static bool wants(void *context, int64_t begin, int64_t end, int64_t tile)
{
    const span *s = context;
    int32_t group = s->group[s->rows[begin]];
    for (int64_t r = begin; r < end; r++)
        if (s->group[s->rows[r]] != group)
            return true;
    int64_t last = (tile + 1) * TILE < s->n ? (tile + 1) * TILE : s->n;
    for (int64_t j = tile * TILE; j < last; j++)
        if (s->group[j] != group)
            return true;
    return false;
}

static bool is_decided(const outlet *o)
{
    return o->reach < INFINITY && o->reach <= o->left;
}

static bool is_open(const span *s, int64_t i)
{
    return s->lists.left[i] < s->outlets[s->group[i]].reach;
}

/* Searches the open rows of all groups but the one that has most of them. What a row may not be below is then its
 * group's shortest link, or a link of its own: the groups left after the next join are half as many at most. */
static calr_status search_open(span *s)
{
    int32_t most = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < s->n; i++)
        s->outlets[s->group[i]].open += is_open(s, i);
    for (int32_t g = 0; g < s->n; g++)
        most = s->outlets[g].open > s->outlets[most].open ? g : most;
    for (int32_t i = 0; i < s->n; i++)
        if (s->group[i] != most && is_open(s, i))
            s->rows[count++] = i;
    for (int64_t r = 0; r < count; r++)
        s->lists.left[s->rows[r]] = s->outlets[s->group[s->rows[r]]].reach;
    if (count > 0 && !s->bounds)
        CALR_TRY(calr_pairwise_bounds_new(s->pairwise, &s->bounds));
    if (count > 0) {
        calr_pairwise_visit visit = {s->rows, count, wants, look, s};
        CALR_TRY(calr_pairwise_bounds_visit(s->bounds, &visit));
    }
    for (int64_t g = 0; g < s->n; g++)
        s->outlets[g].left = INFINITY;
    for (int64_t i = 0; i < s->n; i++) {
        outlet *own = &s->outlets[s->group[i]];
        own->left = fminf(own->left, s->lists.left[i]);
        if (s->found[i].a >= 0)
            offer(s, s->found[i].a, s->found[i].b, (float)s->found[i].length);
    }
    return CALR_OK;
}

/* ---- rounds ---- */

/* Joins each group that is decided to the one at the other end of its shortest link. Among links of equal length any
 * will do, as long as none closes a circle. Returns how many links that made. */
static int64_t join(span *s, calr_link *links)
{
    int64_t made = 0;
    for (int64_t g = 0; g < s->n; g++) {
        const outlet *o = &s->outlets[g];
        if (is_decided(o) && calr_join_sets(s->group, o->a, o->b))
            links[made++] = (calr_link){o->a, o->b, o->reach};
    }
    for (int64_t i = 0; i < s->n; i++)
        s->group[i] = calr_find_root(s->group, (int32_t)i);
    return made;
}

static calr_status run(span *s, calr_link *links)
{
    bool search = false;
    for (int64_t i = 0; i < s->n; i++) {
        s->group[i] = (int32_t)i;
        s->found[i].a = -1;
    }
    for (int64_t made = 0; made < s->n - 1;) {
        CALR_TRY(offer_known(s));
        if (search)
            CALR_TRY(search_open(s));
        int64_t joined = join(s, links + made);
        search = 4 * joined < s->n - made; /* the lists do not say enough any more */
        made += joined;
    }
    return CALR_OK;
}

/* ---- the whole ---- */

static calr_status allocate(span *s)
{
    int64_t n = s->n;
    s->group = calr_array_new(n, sizeof *s->group);
    s->outlets = calr_array_new(n, sizeof *s->outlets);
    s->found = calr_array_new(n, sizeof *s->found);
    s->rows = calr_array_new(n, sizeof *s->rows);
    if (s->group && s->outlets && s->found && s->rows)
        return CALR_OK;
    return calr_error(CALR_ENOMEM, "out of memory for the spanning tree of %" PRId64 " rows", n);
}

calr_status calr_reach_span(const float *x, int64_t n, int64_t d, calr_metric metric,
                            int64_t others, int64_t most, calr_link *links)
{
    span s = {.n = n};
    calr_status status = calr_pairwise_new(x, n, d, metric, &s.pairwise);
    if (status == CALR_OK && n > 1)
        status = calr_reach_lists_new(s.pairwise, x, n, d, metric, others, most, &s.lists);
    if (status == CALR_OK && n > 1)
        status = allocate(&s);
    if (status == CALR_OK && n > 1)
        status = run(&s, links);
    free(s.group);
    free(s.outlets);
    free(s.found);
    free(s.rows);
    calr_reach_lists_clear(&s.lists);
    calr_pairwise_bounds_release(s.bounds);
    calr_pairwise_release(s.pairwise);
    return status;
}
