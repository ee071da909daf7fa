/* Painting small images: display lists of shapes and camera effects, rendered many at once.
 *
 * A scene is a list of commands. Some set the state of the painter (transform, colour, pattern,
 * light, texture, softness), some fill a shape with it, some change the whole picture painted so
 * far (colour matrix, blur, noise, ...). Rendering runs the list from the start on a black picture.
 *
 * Coordinates: a scene is width x height units, x to the right, y down; whatever its size in
 * pixels, the picture shows exactly that rectangle. Angles are in radians, from x towards y.
 * Colours are red, green, blue, alpha in 0 .. 1, blended as they are (no linear light). Lengths of
 * effects are in units too.
 *
 * Edges are exact: a pixel gets the share of its area that the shape covers (signed areas summed a
 * row at a time, as font rasterisers do), so no supersampling is needed. Where the outline of one
 * shape overlaps itself, coverage is the absolute sum of the signed areas, at most 1.
 *
 * A scene may be built by one thread at a time, and rendered by several. The picture depends on the
 * commands alone, never on the number of threads. */
#ifndef CALR_IMAGE_DRAW_H
#define CALR_IMAGE_DRAW_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define CALR_DRAW_MAX_NUMBERS 512  /* numbers of one command: a polygon of at most 256 corners */
#define CALR_DRAW_MAX_PIXELS  8192 /* largest height or width of a rendered picture */
#define CALR_DRAW_LIMIT       1e6  /* no number of a command is larger than this */

/* The commands and their numbers. */
typedef enum calr_draw_op {
    /* State. A new scene starts with the identity, opaque black, no light, no texture, sharp edges.
     */
    CALR_DRAW_TRANSFORM, /* a b c d e f: later shapes, patterns, lights and textures are mapped by
                          * (x, y) -> (a x + c y + e, b x + d y + f) to scene units; replaces the
                          * last one */
    CALR_DRAW_COLOR,     /* r g b a: plain paint */
    CALR_DRAW_PATTERN, /* kind r g b a x y period angle share: mixes a second colour into the first,
                          see below */
    CALR_DRAW_LIGHT,   /* x0 y0 f0 x1 y1 f1: paint is multiplied by f0 at the first point, by f1 at
                        * the second, linearly along the line between, constant beyond (f 0 .. 4) */
    CALR_DRAW_TEXTURE, /* amount sx sy octaves, and the seed: paint is multiplied by 1 + amount *
                        * noise, fractal value noise in -1 .. 1 with grains of sx by sy (octaves 1
                        * .. 6) */
    CALR_DRAW_SOFT,    /* radius: later edges are blurred over about that many scene units */
    /* Shapes. */
    CALR_DRAW_POLYGON, /* x y ...: fewer than three corners paint nothing */
    CALR_DRAW_CURVE,   /* x y ...: a closed smooth curve through the points (Catmull-Rom) */
    CALR_DRAW_ELLIPSE, /* x y rx ry angle */
    CALR_DRAW_LIMB, /* x0 y0 r0 x1 y1 r1: two circles and all between them: a thick line with round
                       ends */
    /* Effects on the whole picture. */
    CALR_DRAW_MATRIX, /* m11 m12 m13 .. m33 o1 o2 o3: rgb := M rgb + o */
    CALR_DRAW_TONE, /* gamma contrast saturation: rgb^gamma, then contrast about 0.5, then distance
                       from grey */
    CALR_DRAW_BLUR, /* sigma: Gaussian */
    CALR_DRAW_MOTION,     /* length angle: mean along a line */
    CALR_DRAW_RESOLUTION, /* factor in (0, 1]: shrunk to that share of the pixels a side, and
                             enlarged again */
    CALR_DRAW_VIGNETTE,   /* strength 0 .. 1: the corners lose that share of their light */
    CALR_DRAW_NOISE, /* luma chroma, and the seed: deviations of sensor noise common to and apart in
                        the channels */
    CALR_DRAW_OPS
} calr_draw_op;

/* Patterns. Positions are along `angle`, from (x, y), in units of `period`. */
typedef enum calr_draw_pattern {
    CALR_DRAW_PLAIN,
    CALR_DRAW_STRIPES,  /* bands across the angle; `share` of each period is of the second colour */
    CALR_DRAW_CHECKS,   /* bands along both axes; crossings are the second colour, single bands half
                           of it */
    CALR_DRAW_DOTS,     /* discs of the diameter share * period on a square grid */
    CALR_DRAW_GRADIENT, /* from the first colour at (x, y) to the second one period away */
    CALR_DRAW_RADIAL,   /* the same in all directions */
    CALR_DRAW_PATTERNS
} calr_draw_pattern;

/* "plain", "stripes", ... */
const char *calr_draw_pattern_name(calr_draw_pattern pattern);

typedef struct calr_draw_scene calr_draw_scene;

/* An empty scene of width x height units, both above 0. */
calr_status calr_draw_scene_new(double width, double height, calr_draw_scene **out);
void calr_draw_scene_release(calr_draw_scene *scene); /* NULL is allowed */

/* Appends a command. `seed` is used by TEXTURE and NOISE. CALR_EINVAL names the command and what is
 * wrong with its numbers: their count, NaN or beyond CALR_DRAW_LIMIT, out of the range above.
 * CALR_ENOMEM. */
calr_status calr_draw_add(calr_draw_scene *scene, calr_draw_op op, const double *numbers, int count,
                          uint64_t seed);

/* Commands so far. */
int64_t calr_draw_scene_count(const calr_draw_scene *scene);

/* Renders `count` scenes, in parallel, into u8[count x height x width x 3] at `out`. */
calr_status calr_draw_render(const calr_draw_scene *const *scenes, int64_t count, int64_t height,
                             int64_t width, uint8_t *out);

/* A file in memory. */
typedef struct calr_draw_file {
    void *bytes; /* malloc'ed */
    size_t size;
} calr_draw_file;

/* Encodes u8[count x height x width x 3] as JPEGs with halved chroma, in parallel. quality[i] is 1
 * .. 100. files[0 .. count-1] must be zero; the caller frees what has come into them, after a
 * failure too. CALR_EINVAL, CALR_ENOMEM. */
calr_status calr_draw_encode(const uint8_t *pixels, int64_t count, int64_t height, int64_t width,
                             const int32_t *quality, calr_draw_file *files);

#endif
