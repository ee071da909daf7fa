/* Shared by the files of the painter. */
#ifndef CALR_IMAGE_DRAW_INTERNAL_H
#define CALR_IMAGE_DRAW_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "image/draw.h"

#define DRAW_CURVE_STEPS 8 /* chords of one piece of a curve */
#define DRAW_MAX_POINTS                                                                            \
    (CALR_DRAW_MAX_NUMBERS / 2 * DRAW_CURVE_STEPS) /* corners of a flattened outline */

typedef struct draw_command {
    calr_draw_op op;
    int count;
    int64_t first; /* of its numbers */
    uint64_t seed;
} draw_command;

struct calr_draw_scene {
    double width, height;
    draw_command *commands;
    int64_t command_count, command_room;
    float *numbers;
    int64_t number_count, number_room;
};

/* (x, y) -> (a x + c y + e, b x + d y + f) */
typedef struct draw_affine {
    double a, b, c, d, e, f;
} draw_affine;

typedef struct draw_state {
    draw_affine transform; /* user units -> scene units */
    draw_affine pixels;    /* user units -> pixels */
    draw_affine inverse;   /* pixels -> user units; zero where there is none */
    double footprint;      /* side of a pixel in user units, about */
    float color[4];
    int pattern;
    float second[4];
    float origin[2], along[2], period, share;
    float light[6]; /* x0 y0 f0, direction / length^2, f1 - f0 */
    int lit;
    float texture[3]; /* amount, 1/sx, 1/sy */
    int octaves;
    uint64_t texture_seed;
    float soft; /* pixels */
} draw_state;

/* A picture in the making and the memory one worker needs. */
typedef struct draw_canvas {
    int height, width;
    double scale_x, scale_y; /* pixels a unit */
    float *rgb;              /* height x width x 3 */
    float *scratch;          /* height x width x 3, for effects */
    float *mask;             /* height x (width + 2): zero between shapes */
    float *mask_scratch;     /* the same size */
    double *points;          /* DRAW_MAX_POINTS x 2 */
    draw_state state;
} draw_canvas;

/* Recomputes what depends on the transform. */
void draw_state_locate(draw_canvas *canvas);
/* Fills the shape of a command. */
void draw_shape(draw_canvas *canvas, calr_draw_op op, const float *numbers, int count);
/* Runs an effect. */
void draw_effect(draw_canvas *canvas, calr_draw_op op, const float *numbers, uint64_t seed);
/* The paint at a pixel: r g b a. */
void draw_paint(const draw_state *state, double px, double py, float rgba[4]);

#endif
