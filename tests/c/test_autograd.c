/* The tape: adding up, refusing, freeing; operations with callbacks; agreement of the backends. */
#include <pthread.h>
#include <stdlib.h>

#include "autograd/apply.h"
#include "autograd/custom.h"
#include "autograd/hook.h"
#include "autograd/ops.h"
#include "autograd/tape.h"
#include "backend/backend.h"
#include "base/rng.h"
#include "check.h"
#include "tensor/pool.h"

static calr_tensor *filled(int ndim, const int64_t *shape, double value)
{
    calr_tensor *t = NULL;
    CHECK_OK(calr_tensor_new(CALR_F32, ndim, shape, &t));
    CHECK_OK(calr_tensor_fill(t, value));
    return t;
}

static calr_tensor *vector(int64_t n, double value)
{
    return filled(1, &n, value);
}

static calr_tensor *parameter(int64_t n, double value)
{
    calr_tensor *t = vector(n, value);
    CHECK_OK(calr_tape_require(t, true));
    return t;
}

static calr_tensor *noise(int ndim, const int64_t *shape, uint64_t index)
{
    calr_tensor *t = filled(ndim, shape, 0);
    calr_rng rng = calr_rng_make(5, calr_rng_purpose("test"), 0, index);
    for (int64_t i = 0; i < calr_tensor_numel(t); i++)
        calr_tensor_f32(t)[i] = (float)calr_rng_normal(&rng);
    return t;
}

/* Replaces x by the result that `call` stores in out. */
#define STEP(x, call)                                                                              \
    do {                                                                                           \
        calr_tensor *made_ = NULL, **out = &made_;                                                 \
        CHECK_OK(call);                                                                            \
        calr_tensor_release(x);                                                                    \
        (x) = made_;                                                                               \
    } while (0)

static void gradients_add_up(void)
{
    calr_tensor *a = parameter(3, 2), *b = parameter(3, 5), *y = NULL, *sum = NULL;
    CHECK_OK(calr_op_binary(CALR_MUL, a, b, &y));
    CHECK(calr_tape_is_computed(y) && calr_tape_requires(a) && !calr_tape_is_computed(a));
    CHECK_OK(calr_op_sum(y, -1, &sum));
    CHECK_NEAR(calr_tensor_f32(sum)[0], 30, 0);
    CHECK_OK(calr_tape_backward(sum));
    CHECK_NEAR(calr_tensor_f32(calr_tape_gradient(a))[1], 5, 0);
    CHECK_NEAR(calr_tensor_f32(calr_tape_gradient(b))[2], 2, 0);
    CHECK_FAILS(calr_tape_backward(sum), CALR_EINVAL, "sum: this graph was used");
    calr_tensor_release(sum);
    CHECK_OK(calr_op_sum(a, -1, &sum));
    CHECK_OK(calr_tape_backward(sum));
    CHECK_NEAR(calr_tensor_f32(calr_tape_gradient(a))[0], 6, 0);
    calr_tensor_release(sum);
    calr_tensor_release(y);
    calr_tensor_release(a);
    calr_tensor_release(b);
}

/* What the backward pass of (weight * x reshaped) allocates, in tensors of x's size; `given`: it starts from a gradient
 * that the caller holds, at the view itself. */
static double gradients_made(bool given)
{
    enum { N = 1 << 16 };
    calr_tensor *x = parameter(N, 2), *dy = filled(2, (int64_t[]){2, N / 2}, 3), *y = NULL;
    CHECK_OK(calr_op_reshape(x, 2, (int64_t[]){2, N / 2}, &y));
    if (!given)
        STEP(y, calr_op_binary(CALR_MUL, y, dy, out));
    size_t before = calr_pool_get_stats().requested_bytes;
    CHECK_OK(calr_tape_backward_from(y, dy, 0));
    size_t made = calr_pool_get_stats().requested_bytes - before;
    const calr_tensor *dx = calr_tape_gradient(x);
    CHECK_NEAR(calr_tensor_f32(dx)[N - 1], given ? 3 : 9, 0);
    CHECK(calr_tensor_f32(dx) != calr_tensor_f32(dy));
    calr_tensor_release(y);
    calr_tensor_release(dy);
    calr_tensor_release(x);
    return (double)made / (N * sizeof(float));
}

static void views_of_gradients_are_taken_and_not_copied(void)
{
    CHECK_NEAR(gradients_made(false), 1, .1);
    CHECK_NEAR(gradients_made(true), 1, .1); /* the caller keeps what it gave */
}

/* The gradient of a part of a larger block would keep all of it. */
static void a_part_of_a_gradient_is_copied(void)
{
    enum { N = 1 << 16 };
    size_t before = calr_pool_get_stats().live_bytes;
    calr_tensor *x = parameter(8, 2), *more = vector(N, 1), *y = NULL;
    CHECK_OK(calr_op_cat((calr_tensor *[]){x, more}, 2, 0, &y));
    STEP(y, calr_op_binary(CALR_MUL, y, y, out));
    STEP(y, calr_op_sum(y, -1, out));
    calr_tensor_release(more);
    CHECK_OK(calr_tape_backward(y));
    CHECK_NEAR(calr_tensor_f32(calr_tape_gradient(x))[7], 4, 0);
    calr_tensor_release(y);
    CHECK(calr_pool_get_stats().live_bytes - before < N);
    calr_tensor_release(x);
}

static void a_chain(int64_t length, bool walk)
{
    calr_tensor *x = parameter(1, 1), *y = calr_tensor_retain(x);
    for (int64_t i = 0; i < length; i++) {
        calr_tensor *next;
        if (calr_op_binary(CALR_ADD, y, x, &next) != CALR_OK)
            break;
        calr_tensor_release(y);
        y = next;
    }
    if (walk) {
        CHECK_OK(calr_tape_backward(y));
        CHECK_NEAR(calr_tensor_f32(calr_tape_gradient(x))[0], (double)length + 1, 0);
    }
    calr_tensor_release(y);
    calr_tensor_release(x);
}

static void *chains(void *unused)
{
    (void)unused;
    a_chain(100000, true);
    a_chain(100000, false);
    return NULL;
}

/* On a stack that one frame a node would overrun many times. */
static void deep_graphs_need_no_stack(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    size_t before = calr_pool_get_stats().live_bytes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    int refused = pthread_create(&thread, &attributes, chains, NULL);
    if (!refused)
        pthread_join(thread, NULL);
    CHECK_INT(refused, 0); /* the thread counts its own checks until then */
    pthread_attr_destroy(&attributes);
    CHECK_INT(calr_pool_get_stats().live_bytes, before);
}

static void stale_tensors_are_named_before_anything_happens(void)
{
    size_t before = calr_pool_get_stats().live_bytes;
    calr_tensor *x = parameter(4, 2), *y = NULL, *sum = NULL;
    CHECK_OK(calr_op_unary(CALR_LOG, x, NULL, &y));
    CHECK_OK(calr_op_sum(y, -1, &sum));
    calr_tensor *straight = NULL;
    CHECK_OK(calr_op_binary(CALR_ADD, sum, x, &straight)); /* a second way to x */
    STEP(straight, calr_op_sum(straight, -1, out));
    calr_tensor_touch(x);
    CHECK_FAILS(calr_tape_backward(straight), CALR_ESTALE, "log: x, f32[4], was changed in place");
    CHECK(calr_tape_gradient(x) == NULL);
    CHECK_FAILS(calr_tape_check_write("", y), CALR_EINVAL, "was computed by log");
    calr_tape_pause();
    CHECK_OK(calr_tape_check_write("", y));
    calr_tape_restore(0);
    CHECK_FAILS(calr_tape_check_write("add_", x), CALR_EINVAL, "add_: f32[4] needs a gradient");
    calr_tensor_release(straight);
    calr_tensor_release(sum);
    calr_tensor_release(y);
    calr_tensor_release(x);
    CHECK_INT(calr_pool_get_stats().live_bytes, before);
}

static void paused_costs_nothing(void)
{
    calr_tensor *x = parameter(4, 2), *y = NULL;
    calr_tape_pause();
    CHECK(!calr_tape_is_recording());
    CHECK_OK(calr_op_unary(CALR_EXP, x, NULL, &y));
    calr_tape_restore(0);
    CHECK(calr_tape_is_recording() && y->tape == NULL);
    CHECK_FAILS(calr_tape_backward(y), CALR_EINVAL, "not from f32[4]");
    calr_tensor_release(y);
    CHECK_OK(calr_op_sum(x, -1, &y));
    CHECK_OK(calr_tape_require(x, false));
    CHECK(calr_tape_gradient(x) == NULL);
    CHECK_OK(calr_tape_backward(y)); /* the graph keeps its own end */
    calr_tensor_release(y);
    calr_tensor_release(x);
}

/* ---- operations with callbacks ---- */

typedef struct twice {
    int forwards, backwards, releases;
    bool fail_forward, fail_backward, wrong_shape;
} twice;

static calr_status twice_forward(void *context, calr_op_call *call, calr_tensor **y)
{
    twice *t = context;
    t->forwards++;
    CHECK(!calr_tape_is_recording());
    CALR_TRY(calr_op_save(call, "x", call->in[0]));
    if (t->fail_forward)
        return calr_error(CALR_ENUMERIC, "no luck");
    return calr_op_affine(call->in[0], 2, 0, y);
}

static calr_status twice_backward(void *context, calr_op_call *call, calr_tensor *dy,
                                  calr_tensor **dx)
{
    twice *t = context;
    t->backwards++;
    CHECK(calr_op_saved(call, 0) != NULL && call->needs[0]);
    if (t->wrong_shape)
        return calr_op_sum(dy, -1, &dx[0]);
    CALR_TRY(calr_op_affine(dy, 2, 0, &dx[0]));
    return t->fail_backward ? calr_error(CALR_ENUMERIC, "no luck") : CALR_OK;
}

static void twice_release(void *context)
{
    ((twice *)context)->releases++;
}

static calr_status apply_twice(twice *t, calr_tensor *x, calr_tensor **y)
{
    calr_custom_op op = {.name = "twice",
                         .context = t,
                         .forward = twice_forward,
                         .backward = twice_backward,
                         .release = twice_release};
    return calr_custom_apply(&op, &x, 1, y);
}

static void callbacks_are_released_once(void)
{
    size_t before = calr_pool_get_stats().live_bytes;
    calr_tensor *x = parameter(3, 1), *plain = vector(3, 1), *y = NULL, *sum = NULL;
    twice t = {0};
    CHECK_OK(apply_twice(&t, plain, &y)); /* nothing to record */
    CHECK_INT(t.releases, 1);
    calr_tensor_release(y);

    t = (twice){.fail_forward = true};
    CHECK_FAILS(apply_twice(&t, x, &y), CALR_ENUMERIC, "twice: no luck");
    CHECK_INT(t.releases, 1);

    t = (twice){0};
    CHECK_OK(apply_twice(&t, x, &y)); /* dropped */
    CHECK_INT(t.releases, 0);
    calr_tensor_release(y);
    CHECK_INT(t.releases, 1);

    t = (twice){0};
    CHECK_OK(apply_twice(&t, x, &y));
    CHECK_OK(calr_op_sum(y, -1, &sum));
    CHECK_OK(calr_tape_backward(sum));
    CHECK_INT(t.releases, 1); /* although y still lives */
    CHECK_INT(t.backwards, 1);
    CHECK_NEAR(calr_tensor_f32(calr_tape_gradient(x))[0], 2, 0);
    calr_tensor_release(sum);
    calr_tensor_release(y);
    CHECK_INT(t.releases, 1);
    calr_tensor_release(x);
    calr_tensor_release(plain);
    CHECK_INT(calr_pool_get_stats().live_bytes, before);
}

static void a_failing_backward_leaves_nothing_behind(void)
{
    size_t before = calr_pool_get_stats().live_bytes;
    for (int kind = 0; kind < 2; kind++) {
        twice t = {.fail_backward = kind == 0, .wrong_shape = kind == 1};
        calr_tensor *x = parameter(3, 1), *y = NULL, *sum = NULL, *shifted = NULL;
        CHECK_OK(calr_op_affine(x, 1, 1, &shifted));
        CHECK_OK(apply_twice(&t, shifted, &y));
        CHECK_OK(calr_op_binary(CALR_MUL, y, shifted,
                                &sum)); /* shifted holds a gradient when twice fails */
        STEP(sum, calr_op_sum(sum, -1, out));
        if (kind == 0)
            CHECK_FAILS(calr_tape_backward(sum), CALR_ENUMERIC, "backward of twice: no luck");
        else
            CHECK_FAILS(calr_tape_backward(sum), CALR_EINVAL,
                        "returned f32[] as the gradient of tensor 1, which is f32[3]");
        CHECK(calr_tape_gradient(x) == NULL);
        CHECK_INT(t.releases, 1);
        CHECK_FAILS(calr_tape_backward(sum), CALR_EINVAL, "this graph was used");
        calr_tensor_release(sum);
        calr_tensor_release(y);
        calr_tensor_release(shifted);
        calr_tensor_release(x);
        CHECK_INT(t.releases, 1);
    }
    CHECK_INT(calr_pool_get_stats().live_bytes, before);
}

typedef struct counted {
    int calls, releases;
    bool fails;
} counted;

static calr_status counted_call(void *context, calr_tensor *gradient, calr_tensor **replacement)
{
    counted *c = context;
    c->calls++;
    if (c->fails)
        return calr_error(CALR_ENUMERIC, "no luck");
    CHECK(!calr_tape_is_recording() && calr_tensor_is_unshared(gradient));
    return calr_op_affine(gradient, 10, 0, replacement);
}

static void counted_release(void *context)
{
    ((counted *)context)->releases++;
}

static calr_hook *add_hook(calr_tensor *x, counted *c)
{
    calr_hook_function function = {counted_call, c, counted_release};
    calr_hook *hook = NULL;
    CHECK_OK(calr_hook_add(x, &function, &hook));
    return hook;
}

/* sum((2 x)^2) */
static calr_tensor *square(calr_tensor *x, calr_tensor **doubled)
{
    calr_tensor *y = NULL;
    CHECK_OK(calr_op_affine(x, 2, 0, doubled));
    CHECK_OK(calr_op_binary(CALR_MUL, *doubled, *doubled, &y));
    STEP(y, calr_op_sum(y, -1, out));
    return y;
}

static void hooks_belong_to_the_graph(void)
{
    size_t before = calr_pool_get_stats().live_bytes;
    counted on_leaf = {0}, on_node = {0}, failing = {.fails = true}, refused = {0};
    calr_tensor *x = parameter(3, 1), *plain = vector(3, 1), *doubled = NULL,
                *y = square(x, &doubled);
    calr_hook *leaf = add_hook(x, &on_leaf), *node = add_hook(doubled, &on_node), *none = NULL;
    CHECK_OK(calr_tape_backward_from(y, NULL, CALR_RETAIN_GRAPH));
    CHECK_NEAR(calr_tensor_f32(calr_tape_gradient(x))[0], 800, 0);
    calr_hook *last = add_hook(doubled, &failing);
    CHECK_FAILS(calr_tape_backward_from(y, NULL, CALR_RETAIN_GRAPH), CALR_ENUMERIC,
                "a hook on the gradient of f32[3] (arithmetic with a number): no luck");
    CHECK_NEAR(calr_tensor_f32(calr_tape_gradient(x))[0], 800, 0);
    calr_hook_remove(last);
    calr_hook_remove(last);
    CHECK_INT(failing.releases, 1);
    calr_hook_remove(leaf);
    CHECK_OK(calr_tape_backward(y));
    CHECK_NEAR(calr_tensor_f32(calr_tape_gradient(x))[0], 880, 0);
    CHECK_INT(on_leaf.calls, 1);
    CHECK_INT(on_node.calls, 3);
    CHECK_INT(on_node.releases, 1); /* the graph has been freed */
    calr_hook_function function = {counted_call, &refused, counted_release};
    CHECK_FAILS(calr_hook_add(doubled, &function, &none), CALR_EINVAL,
                "that an earlier backward() freed");
    CHECK_FAILS(calr_hook_add(plain, &function, &none), CALR_EINVAL, "needs no gradient");
    CHECK_INT(refused.releases, 2);
    calr_hook_release(leaf);
    calr_hook_release(node);
    calr_hook_release(last);
    calr_hook_release(add_hook(x, &on_leaf));
    calr_tensor_release(y);
    calr_tensor_release(doubled);
    calr_tensor_release(plain);
    calr_tensor_release(x);
    CHECK_INT(on_leaf.releases, 2);
    CHECK_INT(calr_pool_get_stats().live_bytes, before);
}

static void gradients_of_chosen_tensors(void)
{
    size_t before = calr_pool_get_stats().live_bytes;
    calr_tensor *x = parameter(3, 1), *other = parameter(3, 1), *doubled = NULL,
                *y = square(x, &doubled);
    calr_tensor *targets[] = {doubled, x, other}, *found[] = {NULL, NULL, NULL};
    calr_tape_roots roots = {.tensors = &y, .count = 1};
    CHECK_FAILS(calr_tape_grad(&roots, targets, 3, 0, found), CALR_EINVAL,
                "y was not computed from x[3], f32[3]");
    CHECK_OK(calr_tape_grad(&roots, targets, 3, CALR_RETAIN_GRAPH | CALR_ALLOW_UNUSED, found));
    CHECK_NEAR(calr_tensor_f32(found[0])[2], 4, 0);
    CHECK_NEAR(calr_tensor_f32(found[1])[2], 8, 0);
    CHECK(found[2] == NULL && !calr_tape_gradient(x) && !calr_tape_gradient(other));
    CHECK(calr_tensor_is_unshared(found[0]) && calr_tensor_is_unshared(found[1]));
    calr_tensor_release(found[0]);
    calr_tensor_release(found[1]);
    CHECK_OK(calr_tape_grad(&roots, targets, 1, 0, found));
    calr_tensor_release(found[0]);
    CHECK_FAILS(calr_tape_backward(y), CALR_EINVAL, "pass retain_graph = true to the earlier one");
    CHECK_OK(calr_tape_keep_gradient(doubled));
    STEP(y, calr_op_sum(doubled, -1, out)); /* that part of the graph is whole */
    CHECK_OK(calr_tape_backward(y));
    CHECK_NEAR(calr_tensor_f32(calr_tape_gradient(x))[0], 2, 0);
    CHECK_NEAR(calr_tensor_f32(calr_tape_gradient(doubled))[0], 1, 0);
    calr_tensor_release(y);
    calr_tensor_release(doubled);
    calr_tensor_release(other);
    calr_tensor_release(x);
    CHECK_INT(calr_pool_get_stats().live_bytes, before);
}

/* The gradient of x behind convolutions with these strides (0: none), the first of which goes backward last. */
static void strided(int64_t first, int64_t second, float *gradient)
{
    calr_tensor *x = noise(4, (int64_t[]){2, 7, 6, 32}, 1),
                *w = noise(4, (int64_t[]){32, 32, 1, 1}, 2);
    calr_tensor *shifted = NULL, *sum = NULL;
    CHECK_OK(calr_tape_require(x, true));
    CHECK_OK(calr_op_affine(x, 1, 1, &shifted));
    for (int i = 0; i < 2; i++) {
        int64_t stride = i ? second : first;
        calr_conv2d_options options = {.stride = {stride, stride}, .dilation = {1, 1}, .groups = 1};
        calr_tensor *y = NULL, *total = NULL;
        if (stride == 0)
            continue;
        CHECK_OK(calr_op_conv2d(shifted, w, NULL, &options, &y));
        STEP(y, calr_op_binary(CALR_MUL, y, y, out));
        CHECK_OK(calr_op_sum(y, -1, &total));
        calr_tensor_release(y);
        if (sum)
            STEP(sum, calr_op_binary(CALR_ADD, sum, total, out));
        else
            sum = calr_tensor_retain(total);
        calr_tensor_release(total);
    }
    CHECK_OK(calr_tape_backward(sum));
    memcpy(gradient, calr_tensor_f32(calr_tape_gradient(x)),
           (size_t)calr_tensor_numel(x) * sizeof *gradient);
    calr_tensor_release(sum), calr_tensor_release(shifted);
    calr_tensor_release(x), calr_tensor_release(w);
}

/* A convolution with a stride adds its gradient to one that is there. */
static void strided_gradients_are_added_in_place(void)
{
    enum { N = 2 * 7 * 6 * 32 };
    static float one[N], two[N], both[3][N];
    size_t before = calr_pool_get_stats().live_bytes;
    strided(1, 0, one), strided(2, 0, two);
    strided(1, 2, both[0]), strided(2, 1, both[1]), strided(2, 2, both[2]);
    CHECK_INT(calr_pool_get_stats().live_bytes, before);
    for (int i = 0; i < N; i++) {
        double scale = 1e-6 * (1 + fabs((double)one[i]) + fabs((double)two[i]));
        CHECK_NEAR(both[0][i], (double)one[i] + (double)two[i], 10 * scale);
        CHECK_NEAR(both[1][i], (double)one[i] + (double)two[i], 10 * scale);
        CHECK_NEAR(both[2][i], 2 * (double)two[i], 10 * scale);
    }
}

/* ---- a small network on each backend ---- */

enum { PARAMETERS = 5 };

static const struct {
    int ndim;
    int64_t shape[4];
} forms[PARAMETERS] = {{4, {8, 3, 3, 3}}, {1, {8}}, {1, {8}}, {4, {8, 8, 3, 3}}, {1, {1}}};

/* The gradients of all parameters, one after the other, of a block with a residual. */
static void network(const char *backend, float *gradients, float *loss)
{
    calr_tensor *p[PARAMETERS], *x = noise(4, (int64_t[]){4, 9, 6, 3}, 99), *first = NULL,
                                *sum = NULL, *labels = NULL;
    CHECK_OK(calr_backend_select(backend));
    for (int i = 0; i < PARAMETERS; i++) {
        p[i] = noise(forms[i].ndim, forms[i].shape, (uint64_t)i);
        CHECK_OK(calr_tape_require(p[i], true));
    }
    calr_tape_pause();
    CHECK_OK(calr_tensor_fill(p[4], 3));
    calr_tape_restore(0);
    calr_conv2d_options conv = {
        .stride = {1, 1}, .dilation = {1, 1}, .padding = {1, 1, 1, 1}, .groups = 1};
    calr_batch_norm_options norm = {
        .training = true, .momentum = 0.1, .eps = 1e-5, .activation = CALR_ACTIVATION_RELU};
    CHECK_OK(calr_op_conv2d(x, p[0], NULL, &conv, &first));
    STEP(first, calr_op_batch_norm(first, p[1], p[2], NULL, NULL, NULL, &norm, out));
    CHECK_OK(calr_op_conv2d(first, p[3], NULL, &conv, &sum));
    STEP(sum, calr_op_batch_norm(sum, p[1], p[2], NULL, NULL, first, &norm, out));
    calr_tensor_release(first);
    STEP(sum, calr_op_max_pool(sum, 3, 2, 1, out));
    STEP(sum, calr_op_gem(sum, p[4], 1e-6, out));
    STEP(sum, calr_op_l2_normalize(sum, 1e-12, out));
    STEP(sum, calr_op_affine(sum, 20, 0, out));
    CHECK_OK(calr_tensor_zeros(CALR_I32, 1, (int64_t[]){4}, &labels));
    calr_tensor_i32(labels)[1] = 3;
    STEP(sum, calr_op_cross_entropy(sum, labels, NULL, NULL, out));
    *loss = calr_tensor_f32(sum)[0];
    CHECK_OK(calr_tape_backward(sum));
    for (int i = 0; i < PARAMETERS; i++) {
        int64_t count = calr_tensor_numel(p[i]);
        memcpy(gradients, calr_tensor_f32(calr_tape_gradient(p[i])), (size_t)count * sizeof(float));
        gradients += count;
        calr_tensor_release(p[i]);
    }
    calr_tensor_release(labels);
    calr_tensor_release(sum);
    calr_tensor_release(x);
}

static void backends_agree(void)
{
    enum { COUNT = 8 * 27 + 8 + 8 + 8 * 72 + 1 };
    static float a[COUNT], b[COUNT];
    float loss_a, loss_b;
    size_t before = calr_pool_get_stats().live_bytes;
    network("portable", a, &loss_a);
    CHECK(isfinite(loss_a) && loss_a > 0);
    network("portable", b, &loss_b);
    CHECK(memcmp(a, b, sizeof a) == 0); /* the same bits again */
    CHECK_INT(calr_pool_get_stats().live_bytes, before);
    if (calr_backend_select("onednn") != CALR_OK) {
        printf("     oneDNN is not built in\n");
        return;
    }
    network("onednn", b, &loss_b);
    CHECK_NEAR(loss_b, loss_a, 1e-4);
    double worst = 0;
    for (int i = 0; i < COUNT; i++)
        worst = fmax(worst, fabs((double)a[i] - b[i]) / fmax(1, fabs((double)a[i])));
    CHECK(worst < 1e-3);
}

int main(void)
{
    RUN(gradients_add_up);
    RUN(views_of_gradients_are_taken_and_not_copied);
    RUN(a_part_of_a_gradient_is_copied);
    RUN(deep_graphs_need_no_stack);
    RUN(stale_tensors_are_named_before_anything_happens);
    RUN(paused_costs_nothing);
    RUN(callbacks_are_released_once);
    RUN(a_failing_backward_leaves_nothing_behind);
    RUN(hooks_belong_to_the_graph);
    RUN(gradients_of_chosen_tensors);
    RUN(strided_gradients_are_added_in_place);
    RUN(backends_agree);
    return check_finish();
}
