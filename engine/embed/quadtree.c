#include "embed/quadtree.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

enum { levels = 16 }; /* two bits of a code each */

/* Squared distances below which q is 1 in f32 and forces are linear, so that any number of points is its mean exactly.
 * A layout that shrinks to that (features without structure do, under exaggeration) would otherwise end with most
 * points in one cell of the grid, and each pair of them counted. */
static const float COLLAPSED = 1e-12f;

calr_status calr_quadtree_new(int64_t n, calr_quadtree *tree)
{
    *tree = (calr_quadtree){0};
    if (n < 1 || n > INT32_MAX / 2)
        return calr_error(CALR_EINVAL, "a quadtree holds 1 to %d points, not %" PRId64,
                          INT32_MAX / 2, n);
    *tree = (calr_quadtree){
        .capacity = n,
        .nodes = calr_array_new(2 * n, sizeof *tree->nodes),
        .xy = calr_array_new(2 * n, sizeof *tree->xy),
        .order = calr_array_new(n, sizeof *tree->order),
        .codes = calr_array_new(2 * n, sizeof *tree->codes),
        .scratch = calr_array_new(n, sizeof *tree->scratch),
    };
    if (tree->nodes && tree->xy && tree->order && tree->codes && tree->scratch)
        return CALR_OK;
    calr_quadtree_free(tree);
    return calr_error(CALR_ENOMEM, "there is no memory for a quadtree of %" PRId64 " points", n);
}

void calr_quadtree_free(calr_quadtree *tree)
{
    free(tree->nodes);
    free(tree->xy);
    free(tree->order);
    free(tree->codes);
    free(tree->scratch);
    *tree = (calr_quadtree){0};
}

/* The bits of a 16-bit number, a free bit between each two. */
static uint32_t spread_bits(uint32_t v)
{
    v = (v | v << 8) & 0x00ff00ffu;
    v = (v | v << 4) & 0x0f0f0f0fu;
    v = (v | v << 2) & 0x33333333u;
    return (v | v << 1) & 0x55555555u;
}

static uint32_t grid_place(float value, float low, float scale)
{
    float place = (value - low) * scale;
    return place < 65535.0f ? (uint32_t)place : 65535u;
}

/* Morton codes of the points in a square that holds them all. Returns its side. */
static float code_points(calr_quadtree *tree, const float *points, int64_t n)
{
    float low[2] = {points[0], points[1]}, high[2] = {points[0], points[1]};
    for (int64_t i = 1; i < n; i++)
        for (int a = 0; a < 2; a++) {
            low[a] = fminf(low[a], points[2 * i + a]);
            high[a] = fmaxf(high[a], points[2 * i + a]);
        }
    float side = fmaxf(fmaxf(high[0] - low[0], high[1] - low[1]), 1e-30f);
    float scale = 65536.0f / side;
    for (int64_t i = 0; i < n; i++) {
        tree->codes[i] = spread_bits(grid_place(points[2 * i], low[0], scale)) |
                         spread_bits(grid_place(points[2 * i + 1], low[1], scale)) << 1;
        tree->order[i] = (int32_t)i;
    }
    return side;
}

/* By radix, a byte at a time; points of equal codes stay in their order. */
static void sort_codes(calr_quadtree *tree, int64_t n)
{
    uint32_t *from = tree->codes, *to = tree->codes + tree->capacity;
    int32_t *order = tree->order, *order_to = tree->scratch;
    for (int shift = 0; shift < 32; shift += 8) {
        int64_t starts[257] = {0};
        for (int64_t i = 0; i < n; i++)
            starts[(from[i] >> shift & 255) + 1]++;
        for (int b = 0; b < 256; b++)
            starts[b + 1] += starts[b];
        for (int64_t i = 0; i < n; i++) {
            int64_t place = starts[from[i] >> shift & 255]++;
            to[place] = from[i];
            order_to[place] = order[i];
        }
        uint32_t *codes = from;
        from = to;
        to = codes;
        int32_t *places = order;
        order = order_to;
        order_to = places;
    }
    /* An even number of passes: both are back where they began. */
}

/* The first place of begin .. end whose two bits at `shift` are `digit` or more. */
static int64_t first_of(const uint32_t *codes, int64_t begin, int64_t end, int shift,
                        uint32_t digit)
{
    while (begin < end) {
        int64_t middle = begin + (end - begin) / 2;
        if ((codes[middle] >> shift & 3) < digit)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

static void set_mean(const calr_quadtree *tree, calr_quadtree_node *node)
{
    const float *x = tree->xy + node->begin, *y = x + tree->n;
    double sum_x = 0, sum_y = 0;
    for (int32_t i = 0; i < node->count; i++) {
        sum_x += x[i];
        sum_y += y[i];
    }
    node->x = (float)(sum_x / node->count);
    node->y = (float)(sum_y / node->count);
}

/* A node for the points begin .. end, which agree in all levels above `level`, and those below it. Levels at which all
 * points stay together get no node of their own, so that every inner node has two children and there are fewer than
 * 2 n nodes. At most 16 calls deep. */
static void add_node(calr_quadtree *tree, int64_t begin, int64_t end, int level, float side)
{
    const uint32_t *codes = tree->codes;
    while (level < levels && end - begin > CALR_QUADTREE_LEAF &&
           codes[begin] >> (30 - 2 * level) == codes[end - 1] >> (30 - 2 * level)) {
        level++;
        side *= 0.5f;
    }
    calr_quadtree_node *node = &tree->nodes[tree->node_count++];
    *node = (calr_quadtree_node){.begin = (int32_t)begin,
                                 .count = (int32_t)(end - begin),
                                 .side2 = side * side,
                                 .is_leaf = level == levels || end - begin <= CALR_QUADTREE_LEAF};
    set_mean(tree, node);
    if (!node->is_leaf) {
        int shift = 30 - 2 * level;
        int64_t from = begin;
        for (uint32_t digit = 0; digit < 4; digit++) {
            int64_t to = digit < 3 ? first_of(codes, from, end, shift, digit + 1) : end;
            if (to > from)
                add_node(tree, from, to, level + 1, side * 0.5f);
            from = to;
        }
    }
    node->next = (int32_t)tree->node_count;
}

void calr_quadtree_build(calr_quadtree *tree, const float *points)
{
    int64_t n = tree->n = tree->capacity;
    float side = code_points(tree, points, n);
    sort_codes(tree, n);
    for (int64_t i = 0; i < n; i++) {
        tree->xy[i] = points[2 * (int64_t)tree->order[i]];
        tree->xy[n + i] = points[2 * (int64_t)tree->order[i] + 1];
    }
    tree->node_count = 0;
    add_node(tree, 0, n, 0, side);
}

double calr_quadtree_repulsion(const calr_quadtree *tree, int64_t at, float theta, float force[2])
{
    const float *xs = tree->xy, *ys = tree->xy + tree->n;
    float x = xs[at], y = ys[at], theta2 = theta * theta;
    double sum = 0, force_x = 0, force_y = 0;
    for (int32_t i = 0; i < tree->node_count;) {
        const calr_quadtree_node *node = &tree->nodes[i];
        float dx = x - node->x, dy = y - node->y, d2 = dx * dx + dy * dy;
        if (d2 + node->side2 < COLLAPSED) {
            bool has_own = at >= node->begin && at < node->begin + node->count;
            sum += node->count - has_own;
            force_x += (float)node->count * dx; /* its own part is 0 */
            force_y += (float)node->count * dy;
            i = node->next;
        } else if (node->is_leaf) {
            float part = 0, part_x = 0, part_y = 0;
            for (int32_t p = node->begin; p < node->begin + node->count; p++) {
                float ex = x - xs[p], ey = y - ys[p];
                float q = p == at ? 0.0f : 1.0f / (1.0f + ex * ex + ey * ey);
                part += q;
                part_x += q * q * ex;
                part_y += q * q * ey;
            }
            sum += part;
            force_x += part_x;
            force_y += part_y;
            i++;
        } else if (node->side2 < theta2 * d2) {
            float q = 1.0f / (1.0f + d2), mass = (float)node->count * q;
            sum += mass;
            force_x += mass * q * dx;
            force_y += mass * q * dy;
            i = node->next;
        } else {
            i++;
        }
    }
    force[0] = (float)force_x;
    force[1] = (float)force_y;
    return sum;
}
