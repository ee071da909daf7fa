/* image/draw: coverage against analytic areas, paint, effects, bad commands, threads. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "image/draw.h"
#include "image/jpeg.h"

#define SIDE 64
#define PI   3.14159265358979323846

static uint8_t pixels[SIDE * SIDE * 3];

static calr_draw_scene *scene_of(double width, double height)
{
    calr_draw_scene *scene = NULL;
    CHECK_OK(calr_draw_scene_new(width, height, &scene));
    return scene;
}

static void put(calr_draw_scene *scene, calr_draw_op op, int count, const double *numbers)
{
    CHECK_OK(calr_draw_add(scene, op, numbers, count, 0));
}
#define PUT(scene, op, ...)                                                                        \
    put(scene, op, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__})

static void render(const calr_draw_scene *scene)
{
    CHECK_OK(calr_draw_render(&scene, 1, SIDE, SIDE, pixels));
}

/* Pixels that are lit, in pixels; exact to a level of each pixel at an edge. */
static double area(void)
{
    double sum = 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        sum += pixels[3 * i] / 255.0;
    return sum;
}

static double shape_area(calr_draw_op op, int count, const double *numbers)
{
    calr_draw_scene *scene = scene_of(SIDE, SIDE);
    PUT(scene, CALR_DRAW_COLOR, 1, 1, 1, 1);
    put(scene, op, count, numbers);
    render(scene);
    calr_draw_scene_release(scene);
    return area();
}
#define AREA(op, ...)                                                                              \
    shape_area(op, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__})

static void areas_are_exact(void)
{
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, 10, 10, 20, 10, 20, 30, 10, 30), 200, 1e-6);
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, 10.25, 10.5, 20.75, 10.5, 20.75, 30, 10.25, 30), 10.5 * 19.5,
               0.1);
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, 3.3, 5.1, 60.2, 20.7, 30.4, 61.9), 1404.58, 0.2);
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, 30.4, 61.9, 60.2, 20.7, 3.3, 5.1), 1404.58,
               0.3); /* the other way round */
    CHECK_NEAR(AREA(CALR_DRAW_ELLIPSE, 32, 32, 20, 20, 0), PI * 400, 0.5);
    CHECK_NEAR(AREA(CALR_DRAW_ELLIPSE, 31.3, 30.8, 25, 8, 0.7), PI * 200, 0.5);
    CHECK_NEAR(AREA(CALR_DRAW_ELLIPSE, 31.3, 30.8, 0.4, 0.4, 0), PI * 0.16, 0.06);
    CHECK_NEAR(AREA(CALR_DRAW_LIMB, 16, 32, 6, 48, 32, 6), 32 * 12 + PI * 36, 1);
    CHECK_NEAR(AREA(CALR_DRAW_LIMB, 20, 20, 6, 40, 45, 6), hypot(20, 25) * 12 + PI * 36, 1);
    /* Circles of 10 and 4 at a distance of 20: two tangents of sqrt(400 - 36), sectors on either
     * side. */
    double phi = acos(6.0 / 20), tangent = sqrt(364);
    double taper = 14 * tangent + (PI - phi) * 100 + phi * 16;
    CHECK_NEAR(AREA(CALR_DRAW_LIMB, 20, 32, 10, 40, 32, 4), taper, 1);
    CHECK_NEAR(AREA(CALR_DRAW_LIMB, 40, 32, 4, 20, 32, 10), taper, 1);
    CHECK_NEAR(AREA(CALR_DRAW_LIMB, 32, 32, 10, 34, 32, 3), PI * 100, 1); /* one inside the other */
}

static void shapes_beyond_the_picture(void)
{
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, -1e6, -1e6, 1e6, -1e6, 1e6, 1e6, -1e6, 1e6), SIDE * SIDE,
               1e-6);
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, -50, 10, 10, 10, 10, 20, -50, 20), 100, 1e-6);
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, 54, 10, 500, 10, 500, 20, 54, 20), 100, 1e-6);
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, -64, 64, 64, -64, 192, 64), 0.5 * 64 * 64 + 0.5 * 64 * 64,
               1);
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, -20, 10, -10, 10, -10, 20), 0, 0);
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, 80, 10, 90, 10, 90, 20), 0, 0);
    CHECK_NEAR(AREA(CALR_DRAW_ELLIPSE, 0, 0, 10, 10, 0), PI * 25, 1);
    CHECK_NEAR(AREA(CALR_DRAW_ELLIPSE, 64, 64, 10, 10, 0), PI * 25, 1);
    CHECK_NEAR(AREA(CALR_DRAW_ELLIPSE, 32, 32, 1e6, 1e6, 0), SIDE * SIDE, 1e-6);
}

static void empty_and_degenerate_shapes(void)
{
    CHECK_NEAR(shape_area(CALR_DRAW_POLYGON, 0, NULL), 0, 0);
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, 5, 5), 0, 0);
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, 5, 5, 50, 50), 0, 0);
    CHECK_NEAR(AREA(CALR_DRAW_POLYGON, 5, 5, 50, 50, 5, 5), 0, 1e-6);
    CHECK_NEAR(AREA(CALR_DRAW_CURVE, 5, 5, 50, 50), 0, 0);
    CHECK_NEAR(AREA(CALR_DRAW_ELLIPSE, 20, 20, 0, 0, 0), 0, 0);
    CHECK_NEAR(AREA(CALR_DRAW_ELLIPSE, 20, 20, 10, 0, 0), 0, 1e-6);
    CHECK_NEAR(AREA(CALR_DRAW_LIMB, 20, 20, 0, 40, 40, 0), 0, 1e-6);
    CHECK_NEAR(AREA(CALR_DRAW_LIMB, 20, 20, 5, 20, 20, 5), PI * 25, 1);
    calr_draw_scene *scene = scene_of(SIDE, SIDE); /* a transform that flattens everything */
    PUT(scene, CALR_DRAW_COLOR, 1, 1, 1, 1);
    PUT(scene, CALR_DRAW_PATTERN, CALR_DRAW_STRIPES, 1, 0, 0, 1, 0, 0, 4, 0, 0.5);
    PUT(scene, CALR_DRAW_TRANSFORM, 0, 0, 0, 0, 20, 20);
    PUT(scene, CALR_DRAW_ELLIPSE, 0, 0, 10, 10, 0);
    render(scene);
    CHECK_NEAR(area(), 0, 0);
    calr_draw_scene_release(scene);
}

static void curves_pass_through_their_points(void)
{
    double numbers[64];
    for (int i = 0; i < 32; i++) {
        numbers[2 * i] = 32 + 20 * cos(2 * PI * i / 32);
        numbers[2 * i + 1] = 32 + 20 * sin(2 * PI * i / 32);
    }
    CHECK_NEAR(shape_area(CALR_DRAW_CURVE, 64, numbers), PI * 400, 2);
}

static void transforms_scale_and_units_stretch(void)
{
    calr_draw_scene *scene = scene_of(32, 128); /* a unit is 2 pixels across, half a pixel down */
    PUT(scene, CALR_DRAW_COLOR, 1, 1, 1, 1);
    PUT(scene, CALR_DRAW_TRANSFORM, 2, 0, 0, 4, 3, 8);
    PUT(scene, CALR_DRAW_POLYGON, 0, 0, 5, 0, 5, 5, 0, 5);
    render(scene);
    CHECK_NEAR(area(), 5 * 2 * 2 * 5 * 4 * 0.5, 1e-6);
    CHECK_INT(pixels[(4 * SIDE + 6) * 3], 255); /* the corner is at (3, 8) units */
    CHECK_INT(pixels[(3 * SIDE + 6) * 3], 0);
    CHECK_INT(pixels[(4 * SIDE + 5) * 3], 0);
    calr_draw_scene_release(scene);
}

static double pattern_area(int kind, double share)
{
    calr_draw_scene *scene = scene_of(SIDE, SIDE);
    PUT(scene, CALR_DRAW_COLOR, 0, 0, 0, 1);
    PUT(scene, CALR_DRAW_PATTERN, kind, 1, 1, 1, 1, 0, 0, 16, 0, share);
    PUT(scene, CALR_DRAW_POLYGON, 0, 0, 64, 0, 64, 64, 0, 64);
    render(scene);
    calr_draw_scene_release(scene);
    return area() / (SIDE * SIDE);
}

static void patterns_take_their_share(void)
{
    CHECK_NEAR(pattern_area(CALR_DRAW_PLAIN, 0.5), 0, 0);
    CHECK_NEAR(pattern_area(CALR_DRAW_STRIPES, 0.25), 0.25, 0.005);
    CHECK_NEAR(pattern_area(CALR_DRAW_STRIPES, 0), 0, 0.005);
    CHECK_NEAR(pattern_area(CALR_DRAW_STRIPES, 1), 1, 0.04);
    CHECK_NEAR(pattern_area(CALR_DRAW_CHECKS, 0.5), 0.5, 0.005);
    CHECK_NEAR(pattern_area(CALR_DRAW_DOTS, 0.5), PI / 16, 0.01);
    CHECK_NEAR(pattern_area(CALR_DRAW_GRADIENT, 0), 1 - 0.5 * 16 / 64, 0.005);
}

static void alpha_light_and_texture(void)
{
    calr_draw_scene *scene = scene_of(SIDE, SIDE);
    PUT(scene, CALR_DRAW_COLOR, 0.2, 0.4, 0.6, 1);
    PUT(scene, CALR_DRAW_POLYGON, 0, 0, 64, 0, 64, 64, 0, 64);
    PUT(scene, CALR_DRAW_COLOR, 1, 1, 1, 0.5);
    PUT(scene, CALR_DRAW_POLYGON, 0, 0, 32, 0, 32, 64, 0, 64);
    render(scene);
    CHECK_INT(pixels[0], 153); /* 0.6 */
    CHECK_INT(pixels[3 * 63 + 2], 153);
    PUT(scene, CALR_DRAW_LIGHT, 0, 0, 0, 64, 0, 1);
    PUT(scene, CALR_DRAW_COLOR, 1, 1, 1, 1);
    PUT(scene, CALR_DRAW_POLYGON, 0, 0, 64, 0, 64, 64, 0, 64);
    render(scene);
    CHECK_NEAR(area() / (SIDE * SIDE), 0.5, 0.003);
    CHECK_NEAR(pixels[3 * 16] / 255.0, 16.5 / 64, 0.003);
    PUT(scene, CALR_DRAW_LIGHT, 0, 0, 1, 0, 0, 1); /* two equal points: no light at all */
    PUT(scene, CALR_DRAW_COLOR, 0.5, 0.5, 0.5, 1);
    PUT(scene, CALR_DRAW_TEXTURE, 0.5, 4, 4, 4);
    PUT(scene, CALR_DRAW_POLYGON, 0, 0, 64, 0, 64, 64, 0, 64);
    render(scene);
    CHECK_NEAR(area() / (SIDE * SIDE), 0.5, 0.05);
    int low = 255, high = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
        low = pixels[3 * i] < low ? pixels[3 * i] : low;
        high = pixels[3 * i] > high ? pixels[3 * i] : high;
    }
    CHECK(low < 100 && low >= 63 && high > 155 && high <= 192);
    calr_draw_scene_release(scene);
}

static void softness_keeps_the_area(void)
{
    calr_draw_scene *scene = scene_of(SIDE, SIDE);
    PUT(scene, CALR_DRAW_COLOR, 1, 1, 1, 1);
    PUT(scene, CALR_DRAW_SOFT, 6);
    PUT(scene, CALR_DRAW_POLYGON, 24, 24, 40, 24, 40, 40, 24, 40);
    render(scene);
    CHECK_NEAR(area(), 256, 2);
    CHECK(pixels[(32 * SIDE + 21) * 3] > 0 && pixels[(32 * SIDE + 25) * 3] < 255);
    PUT(scene, CALR_DRAW_SOFT, 1000); /* wider than the picture: no more than nothing */
    PUT(scene, CALR_DRAW_POLYGON, 24, 24, 40, 24, 40, 40, 24, 40);
    render(scene);
    calr_draw_scene_release(scene);
}

static calr_draw_scene *half_white(void)
{
    calr_draw_scene *scene = scene_of(SIDE, SIDE);
    PUT(scene, CALR_DRAW_COLOR, 1, 1, 1, 1);
    PUT(scene, CALR_DRAW_POLYGON, 0, 0, 32, 0, 32, 64, 0, 64);
    return scene;
}

static void blurs_keep_the_mean(void)
{
    calr_draw_scene *scene = half_white();
    PUT(scene, CALR_DRAW_BLUR, 2);
    render(scene);
    CHECK_NEAR(area(), 2048, 10);
    /* The step response of a Gaussian: Phi(1 / 2) half a sigma before the edge (pixel centre 31.5
     * is 0.25 sigma). */
    CHECK_NEAR(pixels[3 * (31 + 32 * SIDE)] / 255.0, 0.5987, 0.01);
    PUT(scene, CALR_DRAW_MOTION, 8, 0);
    PUT(scene, CALR_DRAW_RESOLUTION, 0.5);
    render(scene);
    CHECK_NEAR(area(), 2048, 20);
    calr_draw_scene_release(scene);
    scene = half_white();
    PUT(scene, CALR_DRAW_BLUR, 0);
    PUT(scene, CALR_DRAW_MOTION, 0, 1);
    PUT(scene, CALR_DRAW_RESOLUTION, 1);
    PUT(scene, CALR_DRAW_VIGNETTE, 0);
    PUT(scene, CALR_DRAW_NOISE, 0, 0);
    PUT(scene, CALR_DRAW_TONE, 1, 1, 1);
    render(scene);
    CHECK_NEAR(area(), 2048, 0); /* nothing has changed */
    PUT(scene, CALR_DRAW_RESOLUTION, 0.001);
    render(scene);
    CHECK_NEAR(area(), 2048, 20); /* one pixel */
    CHECK_INT(pixels[0], 128);
    PUT(scene, CALR_DRAW_BLUR, 1e6);
    PUT(scene, CALR_DRAW_MOTION, 1e6, 1);
    render(scene);
    CHECK_INT(pixels[0], 128);
    calr_draw_scene_release(scene);
}

static void colour_effects(void)
{
    calr_draw_scene *scene = scene_of(SIDE, SIDE);
    PUT(scene, CALR_DRAW_COLOR, 0.2, 0.4, 0.6, 1);
    PUT(scene, CALR_DRAW_POLYGON, 0, 0, 64, 0, 64, 64, 0, 64);
    PUT(scene, CALR_DRAW_MATRIX, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0.1);
    render(scene);
    CHECK_INT(pixels[0], 102);
    CHECK_INT(pixels[1], 153);
    CHECK_INT(pixels[2], 77);
    PUT(scene, CALR_DRAW_TONE, 2, 1, 0); /* to grey */
    render(scene);
    double grey = 0.299 * 0.16 + 0.587 * 0.36 + 0.114 * 0.09;
    CHECK_NEAR(pixels[0], 255 * grey, 1);
    CHECK_INT(pixels[0], pixels[1]);
    CHECK_INT(pixels[1], pixels[2]);
    PUT(scene, CALR_DRAW_VIGNETTE, 0.5);
    render(scene);
    CHECK_NEAR(pixels[0], 127 * grey, 3);
    CHECK_NEAR(pixels[3 * (32 * SIDE + 32)], 255 * grey, 1);
    calr_draw_scene_release(scene);
}

static void noise_has_its_deviation(void)
{
    calr_draw_scene *scene = scene_of(SIDE, SIDE);
    PUT(scene, CALR_DRAW_COLOR, 0.5, 0.5, 0.5, 1);
    PUT(scene, CALR_DRAW_POLYGON, 0, 0, 64, 0, 64, 64, 0, 64);
    CHECK_OK(calr_draw_add(scene, CALR_DRAW_NOISE, (double[]){0.06, 0.08}, 2, 7));
    render(scene);
    double sum = 0, squares = 0, count = SIDE * SIDE;
    for (int i = 0; i < SIDE * SIDE; i++) {
        double v = pixels[3 * i] / 255.0;
        sum += v;
        squares += v * v;
    }
    CHECK_NEAR(sum / count, 0.5, 0.006);
    CHECK_NEAR(sqrt(squares / count - sum / count * sum / count), 0.1, 0.006);
    calr_draw_scene_release(scene);
}

static void bad_commands_are_refused(void)
{
    calr_draw_scene *scene = NULL;
    CHECK_FAILS(calr_draw_scene_new(0, 10, &scene), CALR_EINVAL, "above 0");
    CHECK_FAILS(calr_draw_scene_new(NAN, 10, &scene), CALR_EINVAL, "above 0");
    CHECK_FAILS(calr_draw_scene_new(10, 1e9, &scene), CALR_EINVAL, "at most");
    CHECK(scene == NULL);
    scene = scene_of(10, 10);
    CHECK_FAILS(calr_draw_add(scene, CALR_DRAW_COLOR, (double[]){1, 1, 1}, 3, 0), CALR_EINVAL,
                "color takes 4 numbers");
    CHECK_FAILS(calr_draw_add(scene, CALR_DRAW_COLOR, (double[]){1, 1, 2, 1}, 4, 0), CALR_EINVAL,
                "outside 0 to 1");
    CHECK_FAILS(calr_draw_add(scene, CALR_DRAW_POLYGON, (double[]){1, 1, 2}, 3, 0), CALR_EINVAL,
                "pairs");
    CHECK_FAILS(calr_draw_add(scene, CALR_DRAW_POLYGON, (double[]){1, NAN}, 2, 0), CALR_EINVAL,
                "number 2 is");
    CHECK_FAILS(calr_draw_add(scene, CALR_DRAW_POLYGON, (double[]){INFINITY, 1}, 2, 0), CALR_EINVAL,
                "number 1 is inf");
    CHECK_FAILS(calr_draw_add(scene, CALR_DRAW_ELLIPSE, (double[]){0, 0, -1, 1, 0}, 5, 0),
                CALR_EINVAL, "ellipse");
    CHECK_FAILS(calr_draw_add(scene, CALR_DRAW_RESOLUTION, (double[]){0}, 1, 0), CALR_EINVAL,
                "resolution");
    CHECK_FAILS(calr_draw_add(scene, CALR_DRAW_TONE, (double[]){0, 1, 1}, 3, 0), CALR_EINVAL,
                "tone");
    CHECK_FAILS(calr_draw_add(scene, (calr_draw_op)99, NULL, 0, 0), CALR_EINVAL,
                "no drawing command");
    double many[CALR_DRAW_MAX_NUMBERS + 2] = {0};
    CHECK_FAILS(calr_draw_add(scene, CALR_DRAW_CURVE, many, CALR_DRAW_MAX_NUMBERS + 2, 0),
                CALR_EINVAL, "at most 512");
    CHECK_INT(calr_draw_scene_count(scene), 0);
    CHECK_OK(calr_draw_add(scene, CALR_DRAW_CURVE, many, CALR_DRAW_MAX_NUMBERS, 0));
    const calr_draw_scene *one = scene;
    CHECK_FAILS(calr_draw_render(&one, 1, 0, 10, pixels), CALR_EINVAL, "pixels high and wide");
    CHECK_FAILS(calr_draw_render(&one, 1, 10, 100000, pixels), CALR_EINVAL, "pixels high and wide");
    CHECK_OK(calr_draw_render(NULL, 0, 10, 10, NULL));
    CHECK_OK(calr_draw_render(&one, 1, 1, 1, pixels));
    calr_draw_scene_release(scene);
    calr_draw_scene_release(NULL);
}

/* Scenes with everything in them, on one thread and on several. */
static void threads_do_not_matter(void)
{
    enum { COUNT = 23, BYTES = 40 * 24 * 3 };
    calr_draw_scene *scenes[COUNT];
    for (int i = 0; i < COUNT; i++) {
        scenes[i] = scene_of(24, 40);
        PUT(scenes[i], CALR_DRAW_COLOR, 0.6, 0.3, 0.1 + 0.03 * i, 1);
        PUT(scenes[i], CALR_DRAW_TEXTURE, 0.4, 3, 5, 3);
        PUT(scenes[i], CALR_DRAW_POLYGON, 0, 0, 24, 0, 24, 40, 0, 40);
        PUT(scenes[i], CALR_DRAW_SOFT, 3);
        PUT(scenes[i], CALR_DRAW_LIMB, i, 3, 2, 12, 30, 5);
        PUT(scenes[i], CALR_DRAW_BLUR, 0.7);
        PUT(scenes[i], CALR_DRAW_RESOLUTION, 0.6);
        CHECK_OK(calr_draw_add(scenes[i], CALR_DRAW_NOISE, (double[]){0.03, 0.03}, 2, (uint64_t)i));
    }
    uint8_t *one = malloc(COUNT * BYTES), *three = malloc(COUNT * BYTES);
    int before = calr_parallel_threads();
    const calr_draw_scene *const *list = (const calr_draw_scene *const *)scenes;
    CHECK_OK(calr_parallel_set_threads(1));
    CHECK_OK(calr_draw_render(list, COUNT, 40, 24, one));
    CHECK_OK(calr_parallel_set_threads(3));
    CHECK_OK(calr_draw_render(list, COUNT, 40, 24, three));
    CHECK_OK(calr_parallel_set_threads(before));
    CHECK(memcmp(one, three, COUNT * BYTES) == 0);
    CHECK(memcmp(one, one + BYTES, BYTES) != 0);
    for (int i = 0; i < COUNT; i++)
        calr_draw_scene_release(scenes[i]);
    free(one);
    free(three);
}

static void encoding_gives_files(void)
{
    calr_draw_scene *scene = half_white();
    render(scene);
    int32_t quality = 95;
    calr_draw_file file = {NULL, 0};
    CHECK_OK(calr_draw_encode(pixels, 1, SIDE, SIDE, &quality, &file));
    calr_jpeg *jpeg = NULL;
    const uint8_t *back;
    int width, height;
    CHECK_OK(calr_jpeg_new(&jpeg));
    CHECK_OK(calr_jpeg_decode(jpeg, file.bytes, file.size, &back, &width, &height));
    CHECK_INT(width, SIDE);
    CHECK_INT(height, SIDE);
    CHECK(back[3 * 8] > 250 && back[3 * 56] < 5);
    calr_jpeg_release(jpeg);
    free(file.bytes);
    quality = 0;
    file.bytes = NULL;
    CHECK_FAILS(calr_draw_encode(pixels, 1, SIDE, SIDE, &quality, &file), CALR_EINVAL,
                "outside 1 to 100");
    CHECK_FAILS(calr_draw_encode(pixels, 1, 0, SIDE, &quality, &file), CALR_EINVAL,
                "high and wide");
    CHECK_OK(calr_draw_encode(NULL, 0, SIDE, SIDE, NULL, NULL));
    calr_draw_scene_release(scene);
}

int main(void)
{
    RUN(areas_are_exact);
    RUN(shapes_beyond_the_picture);
    RUN(empty_and_degenerate_shapes);
    RUN(curves_pass_through_their_points);
    RUN(transforms_scale_and_units_stretch);
    RUN(patterns_take_their_share);
    RUN(alpha_light_and_texture);
    RUN(softness_keeps_the_area);
    RUN(blurs_keep_the_mean);
    RUN(colour_effects);
    RUN(noise_has_its_deviation);
    RUN(bad_commands_are_refused);
    RUN(threads_do_not_matter);
    RUN(encoding_gives_files);
    return check_finish();
}
