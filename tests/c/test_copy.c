/* Copies between tensors of any steps, against one element after the other. */
#include "check.h"

#include "base/rng.h"
#include "tensor/tensor.h"

static calr_rng rng;

static int64_t below(int64_t n)
{
    return (int64_t)calr_rng_below(&rng, (uint32_t)n);
}

static const calr_dtype types[] = {CALR_F32, CALR_F64, CALR_BF16, CALR_I64, CALR_I32, CALR_U8};

static calr_dtype any_type(void)
{
    return types[below(sizeof types / sizeof *types)];
}

/* A tensor of this shape: part of a larger one, its dimensions permuted, some taken in steps and, where `repeats`, some
 * backwards or repeated. */
static calr_tensor *any_tensor(calr_dtype dtype, int ndim, const int64_t *shape, bool repeats)
{
    int place[CALR_MAX_DIMS], dims[CALR_MAX_DIMS];
    int64_t step[CALR_MAX_DIMS], whole[CALR_MAX_DIMS];
    bool repeated[CALR_MAX_DIMS];
    calr_tensor *x, *next;
    for (int d = 0; d < ndim; d++)
        place[d] = d;
    for (int d = ndim - 1; d > 0; d--) {
        int other = (int)below(d + 1), t = place[d];
        place[d] = place[other];
        place[other] = t;
    }
    for (int d = 0; d < ndim; d++) {
        step[d] = below(3) == 0 ? 2 : 1;
        repeated[d] = repeats && below(4) == 0;
        whole[place[d]] = repeated[d] ? 1 : shape[d] * step[d] + below(2);
        dims[d] = place[d];
    }
    CHECK_OK(calr_tensor_zeros(dtype, ndim, whole, &x));
    for (int64_t i = 0, n = calr_tensor_numel(x); i < n; i++) {
        calr_tensor *flat;
        CHECK_OK(calr_tensor_reshape(x, 1, (int64_t[]){n}, &flat));
        CHECK_OK(calr_tensor_set(flat, &i, (double)(i % 251)));
        calr_tensor_release(flat);
    }
    CHECK_OK(calr_tensor_permute(x, dims, &next));
    calr_tensor_release(x);
    x = next;
    for (int d = 0; d < ndim; d++)
        if (!repeated[d]) {
            CHECK_OK(calr_tensor_slice(x, d, 0, step[d], shape[d], &next));
            calr_tensor_release(x);
            x = next;
        }
    bool backwards[CALR_MAX_DIMS] = {false};
    for (int d = 0; d < ndim; d++)
        backwards[d] = repeats && below(4) == 0;
    CHECK_OK(calr_tensor_reversed(x, backwards, &next));
    calr_tensor_release(x);
    x = next;
    CHECK_OK(calr_tensor_expand(x, ndim, shape, &next));
    calr_tensor_release(x);
    return next;
}

static void check_copy(int ndim, const int64_t *shape)
{
    calr_dtype dtype = any_type();
    calr_tensor *to = any_tensor(dtype, ndim, shape, false),
                *from = any_tensor(below(3) ? dtype : any_type(), ndim, shape, true);
    int64_t index[CALR_MAX_DIMS] = {0}, n = calr_tensor_numel(to);
    int wrong = 0;
    CHECK_OK(calr_tensor_copy(to, from));
    for (int64_t i = 0; i < n; i++) {
        double got, want;
        CHECK_OK(calr_tensor_get(to, index, &got));
        CHECK_OK(calr_tensor_get(from, index, &want));
        wrong += got != want;
        for (int d = ndim - 1; d >= 0 && ++index[d] == shape[d]; d--)
            index[d] = 0;
    }
    CHECK_INT(wrong, 0);
    calr_tensor_release(to);
    calr_tensor_release(from);
}

static void test_any_steps(void)
{
    rng = calr_rng_make(3, calr_rng_purpose("copy"), 0, 0);
    for (int round = 0; round < 300; round++) {
        int64_t shape[CALR_MAX_DIMS];
        int ndim = (int)below(CALR_MAX_DIMS + 1);
        for (int d = 0; d < ndim; d++)
            shape[d] = below(20) == 0 ? 0 : 1 + below(ndim > 3 ? 4 : 9);
        check_copy(ndim, shape);
    }
    check_copy(2, (int64_t[]){67, 45}); /* more than one square of the transpose */
    check_copy(3, (int64_t[]){3, 40, 35});
}

/* What is outside of a view stays: the neighbours of every row that is written. */
static void test_outside(void)
{
    calr_tensor *whole, *part, *from;
    double value;
    CHECK_OK(calr_tensor_zeros(CALR_F32, 2, (int64_t[]){300, 401}, &whole));
    CHECK_OK(calr_tensor_narrow(whole, 1, 1, 399, &part));
    CHECK_OK(calr_tensor_zeros(CALR_F32, 2, (int64_t[]){300, 399}, &from));
    CHECK_OK(calr_tensor_fill(from, 5));
    CHECK_OK(calr_tensor_copy(part, from));
    for (int64_t i = 0; i < 300; i++)
        for (int64_t j = 0; j < 401; j += j == 0 ? 1 : 399) {
            CHECK_OK(calr_tensor_get(whole, (int64_t[]){i, j}, &value));
            CHECK(value == (j == 1 ? 5 : 0));
        }
    calr_tensor_release(whole);
    calr_tensor_release(part);
    calr_tensor_release(from);
}

int main(void)
{
    RUN(test_any_steps);
    RUN(test_outside);
    return check_finish();
}
