/* Display lists: building, checking, and running them. */
#include "image/draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "base/size.h"
#include "image/draw_internal.h"

#define GRAIN 4 /* scenes a chunk */

typedef struct range {
    int number; /* position in the command; -1 ends the list */
    double min, max;
} range;

/* What the numbers of a command must be. min_count == max_count except for outlines. */
typedef struct form {
    const char *name;
    int min_count, max_count;
    range ranges[10];
} form;

#define END                                                                                        \
    {                                                                                              \
        -1, 0, 0                                                                                   \
    }
#define RGBA(i)                                                                                    \
    {i, 0, 1}, {i + 1, 0, 1}, {i + 2, 0, 1},                                                       \
    {                                                                                              \
        i + 3, 0, 1                                                                                \
    }
#define TINY 1e-3

static const form forms[CALR_DRAW_OPS] = {
    [CALR_DRAW_TRANSFORM] = {"transform", 6, 6, {END}},
    [CALR_DRAW_COLOR] = {"color", 4, 4, {RGBA(0), END}},
    [CALR_DRAW_PATTERN] =
        {"pattern",
         10,
         10,
         {{0, 0, CALR_DRAW_PATTERNS - 1}, RGBA(1), {7, TINY, CALR_DRAW_LIMIT}, {9, 0, 1}, END}},
    [CALR_DRAW_LIGHT] = {"light", 6, 6, {{2, 0, 4}, {5, 0, 4}, END}},
    [CALR_DRAW_TEXTURE] =
        {"texture",
         4,
         4,
         {{0, 0, 4}, {1, TINY, CALR_DRAW_LIMIT}, {2, TINY, CALR_DRAW_LIMIT}, {3, 1, 6}, END}},
    [CALR_DRAW_SOFT] = {"soft", 1, 1, {{0, 0, CALR_DRAW_LIMIT}, END}},
    [CALR_DRAW_POLYGON] = {"polygon", 0, CALR_DRAW_MAX_NUMBERS, {END}},
    [CALR_DRAW_CURVE] = {"curve", 0, CALR_DRAW_MAX_NUMBERS, {END}},
    [CALR_DRAW_ELLIPSE] = {"ellipse",
                           5,
                           5,
                           {{2, 0, CALR_DRAW_LIMIT}, {3, 0, CALR_DRAW_LIMIT}, END}},
    [CALR_DRAW_LIMB] = {"limb", 6, 6, {{2, 0, CALR_DRAW_LIMIT}, {5, 0, CALR_DRAW_LIMIT}, END}},
    [CALR_DRAW_MATRIX] = {"matrix", 12, 12, {END}},
    [CALR_DRAW_TONE] = {"tone", 3, 3, {{0, 0.05, 20}, {1, 0, 20}, {2, 0, 20}, END}},
    [CALR_DRAW_BLUR] = {"blur", 1, 1, {{0, 0, CALR_DRAW_LIMIT}, END}},
    [CALR_DRAW_MOTION] = {"motion", 2, 2, {{0, 0, CALR_DRAW_LIMIT}, END}},
    [CALR_DRAW_RESOLUTION] = {"resolution", 1, 1, {{0, TINY, 1}, END}},
    [CALR_DRAW_VIGNETTE] = {"vignette", 1, 1, {{0, 0, 1}, END}},
    [CALR_DRAW_NOISE] = {"noise", 2, 2, {{0, 0, 4}, {1, 0, 4}, END}},
};

static const char *const pattern_names[CALR_DRAW_PATTERNS] = {"plain", "stripes",  "checks",
                                                              "dots",  "gradient", "radial"};

const char *calr_draw_pattern_name(calr_draw_pattern pattern)
{
    return (unsigned)pattern < CALR_DRAW_PATTERNS ? pattern_names[pattern] : "unknown";
}

calr_status calr_draw_scene_new(double width, double height, calr_draw_scene **out)
{
    if (!(width > 0 && width <= CALR_DRAW_LIMIT && height > 0 && height <= CALR_DRAW_LIMIT))
        return calr_error(CALR_EINVAL,
                          "a scene is above 0 and at most %g units wide and high, not %g x %g",
                          CALR_DRAW_LIMIT, width, height);
    calr_draw_scene *scene = calloc(1, sizeof *scene);
    if (!scene)
        return calr_error(CALR_ENOMEM, "no memory for a scene");
    scene->width = width;
    scene->height = height;
    *out = scene;
    return CALR_OK;
}

void calr_draw_scene_release(calr_draw_scene *scene)
{
    if (!scene)
        return;
    free(scene->commands);
    free(scene->numbers);
    free(scene);
}

int64_t calr_draw_scene_count(const calr_draw_scene *scene)
{
    return scene->command_count;
}

static calr_status check(calr_draw_op op, const double *numbers, int count)
{
    if ((unsigned)op >= CALR_DRAW_OPS)
        return calr_error(CALR_EINVAL, "no drawing command has the number %d", (int)op);
    const form *f = &forms[op];
    if (count < f->min_count || count > f->max_count) {
        if (f->min_count == f->max_count)
            return calr_error(CALR_EINVAL, "%s takes %d numbers, not %d", f->name, f->min_count,
                              count);
        return calr_error(CALR_EINVAL, "%s takes at most %d numbers, not %d", f->name, f->max_count,
                          count);
    }
    if ((op == CALR_DRAW_POLYGON || op == CALR_DRAW_CURVE) && count % 2 != 0)
        return calr_error(CALR_EINVAL, "%s takes pairs of numbers, x and y, not %d numbers",
                          f->name, count);
    for (int i = 0; i < count; i++)
        if (!(fabs(numbers[i]) <= CALR_DRAW_LIMIT))
            return calr_error(CALR_EINVAL, "%s: number %d is %g; a number of at most %g is needed",
                              f->name, i + 1, numbers[i], CALR_DRAW_LIMIT);
    for (const range *r = f->ranges; r->number >= 0; r++)
        if (numbers[r->number] < r->min || numbers[r->number] > r->max)
            return calr_error(CALR_EINVAL, "%s: number %d is %g, outside %g to %g", f->name,
                              r->number + 1, numbers[r->number], r->min, r->max);
    return CALR_OK;
}

/* Room for `more` items; doubles. */
static calr_status reserve(void **items, size_t size, int64_t used, int64_t more, int64_t *room)
{
    if (used + more <= *room)
        return CALR_OK;
    int64_t want = *room ? *room : 32;
    while (want < used + more)
        want *= 2;
    size_t bytes;
    void *grown = calr_size_mul((size_t)want, size, &bytes) ? realloc(*items, bytes) : NULL;
    if (!grown)
        return calr_error(CALR_ENOMEM, "no memory for %lld drawing commands", (long long)want);
    *items = grown;
    *room = want;
    return CALR_OK;
}

calr_status calr_draw_add(calr_draw_scene *scene, calr_draw_op op, const double *numbers, int count,
                          uint64_t seed)
{
    CALR_TRY(check(op, numbers, count));
    CALR_TRY(reserve((void **)&scene->commands, sizeof *scene->commands, scene->command_count, 1,
                     &scene->command_room));
    CALR_TRY(reserve((void **)&scene->numbers, sizeof *scene->numbers, scene->number_count, count,
                     &scene->number_room));
    scene->commands[scene->command_count++] = (draw_command){op, count, scene->number_count, seed};
    for (int i = 0; i < count; i++)
        scene->numbers[scene->number_count++] = (float)numbers[i];
    return CALR_OK;
}

/* ---- running ---- */

void draw_state_locate(draw_canvas *canvas)
{
    draw_state *s = &canvas->state;
    const draw_affine *t = &s->transform;
    double sx = canvas->scale_x, sy = canvas->scale_y;
    draw_affine p = {t->a * sx, t->b * sy, t->c * sx, t->d * sy, t->e * sx, t->f * sy};
    double det = p.a * p.d - p.b * p.c;
    s->pixels = p;
    s->inverse = (draw_affine){0, 0, 0, 0, 0, 0};
    s->footprint = 0;
    if (fabs(det) < 1e-12)
        return; /* shapes are lines then, and cover nothing */
    s->inverse = (draw_affine){p.d / det,
                               -p.b / det,
                               -p.c / det,
                               p.a / det,
                               (p.c * p.f - p.d * p.e) / det,
                               (p.b * p.e - p.a * p.f) / det};
    s->footprint = 1 / sqrt(fabs(det));
}

static void reset(draw_canvas *canvas, const calr_draw_scene *scene)
{
    canvas->scale_x = canvas->width / scene->width;
    canvas->scale_y = canvas->height / scene->height;
    size_t pixels = (size_t)canvas->height * (size_t)canvas->width;
    memset(canvas->rgb, 0, pixels * 3 * sizeof(float));
    canvas->state = (draw_state){
        .transform = {1, 0, 0, 1, 0, 0}, .color = {0, 0, 0, 1}, .along = {1, 0}, .period = 1};
    draw_state_locate(canvas);
}

static void set_pattern(draw_state *s, const float *n)
{
    s->pattern = (int)n[0];
    memcpy(s->second, n + 1, 4 * sizeof(float));
    s->origin[0] = n[5];
    s->origin[1] = n[6];
    s->period = n[7];
    s->along[0] = cosf(n[8]);
    s->along[1] = sinf(n[8]);
    s->share = n[9];
}

static void set_light(draw_state *s, const float *n)
{
    float dx = n[3] - n[0], dy = n[4] - n[1], length2 = dx * dx + dy * dy;
    float scale = length2 > 0 ? 1 / length2 : 0;
    float light[6] = {n[0], n[1], n[2], dx * scale, dy * scale, n[5] - n[2]};
    memcpy(s->light, light, sizeof light);
    s->lit = n[2] != 1 || n[5] != 1;
}

static void set_texture(draw_state *s, const float *n, uint64_t seed)
{
    s->texture[0] = n[0];
    s->texture[1] = 1 / n[1];
    s->texture[2] = 1 / n[2];
    s->octaves = n[0] > 0 ? (int)n[3] : 0;
    s->texture_seed = seed;
}

static void run_command(draw_canvas *canvas, const draw_command *command, const float *n)
{
    draw_state *s = &canvas->state;
    switch (command->op) {
    case CALR_DRAW_TRANSFORM:
        s->transform = (draw_affine){n[0], n[1], n[2], n[3], n[4], n[5]};
        draw_state_locate(canvas);
        break;
    case CALR_DRAW_COLOR:
        memcpy(s->color, n, 4 * sizeof(float));
        s->pattern = CALR_DRAW_PLAIN;
        break;
    case CALR_DRAW_PATTERN:
        set_pattern(s, n);
        break;
    case CALR_DRAW_LIGHT:
        set_light(s, n);
        break;
    case CALR_DRAW_TEXTURE:
        set_texture(s, n, command->seed);
        break;
    case CALR_DRAW_SOFT:
        s->soft = n[0] * (float)sqrt(canvas->scale_x * canvas->scale_y);
        break;
    case CALR_DRAW_POLYGON:
    case CALR_DRAW_CURVE:
    case CALR_DRAW_ELLIPSE:
    case CALR_DRAW_LIMB:
        draw_shape(canvas, command->op, n, command->count);
        break;
    default:
        draw_effect(canvas, command->op, n, command->seed);
    }
}

static void quantise(const draw_canvas *canvas, uint8_t *out)
{
    int64_t count = (int64_t)canvas->height * canvas->width * 3;
    for (int64_t i = 0; i < count; i++) {
        float v = canvas->rgb[i] * 255 + 0.5f;
        out[i] = v >= 255 ? 255 : v > 0 ? (uint8_t)v : 0; /* not a number: 0 */
    }
}

typedef struct render_job {
    const calr_draw_scene *const *scenes;
    draw_canvas *canvases; /* one a worker */
    uint8_t *out;
} render_job;

static void render_body(void *context, int64_t begin, int64_t end, int worker)
{
    render_job *job = context;
    draw_canvas *canvas = &job->canvases[worker];
    int64_t bytes = (int64_t)canvas->height * canvas->width * 3;
    for (int64_t i = begin; i < end; i++) {
        const calr_draw_scene *scene = job->scenes[i];
        reset(canvas, scene);
        for (int64_t c = 0; c < scene->command_count; c++)
            run_command(canvas, &scene->commands[c], scene->numbers + scene->commands[c].first);
        quantise(canvas, job->out + i * bytes);
    }
}

static void canvas_free(draw_canvas *canvas)
{
    free(canvas->rgb);
    free(canvas->scratch);
    free(canvas->mask);
    free(canvas->mask_scratch);
    free(canvas->points);
}

static int canvas_make(draw_canvas *canvas, int height, int width)
{
    int64_t pixels = (int64_t)height * width, mask = (int64_t)height * (width + 2);
    canvas->height = height;
    canvas->width = width;
    canvas->rgb = calr_array_new(pixels * 3, sizeof(float));
    canvas->scratch = calr_array_new(pixels * 3, sizeof(float));
    canvas->mask = calr_array_zeros(mask, sizeof(float));
    canvas->mask_scratch = calr_array_new(mask, sizeof(float));
    canvas->points = calr_array_new(DRAW_MAX_POINTS, 2 * sizeof(double));
    return canvas->rgb && canvas->scratch && canvas->mask && canvas->mask_scratch && canvas->points;
}

calr_status calr_draw_render(const calr_draw_scene *const *scenes, int64_t count, int64_t height,
                             int64_t width, uint8_t *out)
{
    if (height < 1 || height > CALR_DRAW_MAX_PIXELS || width < 1 || width > CALR_DRAW_MAX_PIXELS)
        return calr_error(CALR_EINVAL, "a picture is 1 to %d pixels high and wide, not %lld x %lld",
                          CALR_DRAW_MAX_PIXELS, (long long)height, (long long)width);
    if (count < 1)
        return CALR_OK;
    int64_t chunks = (count + GRAIN - 1) / GRAIN, workers = calr_parallel_threads();
    if (workers > chunks)
        workers = chunks;
    draw_canvas *canvases = calr_array_zeros(workers, sizeof *canvases);
    int made = canvases != NULL;
    for (int64_t w = 0; made && w < workers; w++)
        made = canvas_make(&canvases[w], (int)height, (int)width);
    if (made) {
        render_job job = {scenes, canvases, out};
        calr_parallel_for(count, GRAIN, render_body, &job);
    }
    for (int64_t w = 0; canvases && w < workers; w++)
        canvas_free(&canvases[w]);
    free(canvases);
    return made ? CALR_OK
                : calr_error(CALR_ENOMEM, "no memory to paint %lld x %lld pixels",
                             (long long)height, (long long)width);
}
