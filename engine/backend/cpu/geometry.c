/* Geometry of convolution and pooling. */
#include "backend/backend.h"
#include "base/size.h"

/* No side above this: sums and products with small factors cannot overflow. */
#define MOST_SIDE ((int64_t)1 << 31)

/* One direction: the side of an image, of a kernel, and what lies between them. */
typedef struct direction {
    int64_t side, kernel, stride, dilation, before, after;
} direction;

static int64_t reach(const direction *d)
{
    return d->dilation * (d->kernel - 1) + 1;
}

static calr_status output_side(const char *what, const direction *d, int64_t *out)
{
    int64_t padded = d->side + d->before + d->after, kernel = reach(d);
    if (padded < kernel)
        return calr_error(CALR_EINVAL,
                          "%s: a kernel of %lld does not fit into %lld + %lld of padding", what,
                          (long long)kernel, (long long)d->side, (long long)(d->before + d->after));
    *out = (padded - kernel) / d->stride + 1;
    return CALR_OK;
}

static calr_status check_side(const char *what, const char *name, int64_t value, int64_t least)
{
    if (value < least || value > MOST_SIDE)
        return calr_error(CALR_EINVAL, "%s: %s must be %lld or more, not %lld", what, name,
                          (long long)least, (long long)value);
    return CALR_OK;
}

/* The bytes of a x b x c x d floats must fit into a signed 64-bit number. */
static calr_status check_volume(const char *what, int64_t a, int64_t b, int64_t c, int64_t d)
{
    size_t bytes;
    if (!calr_size_mul((size_t)a, (size_t)b, &bytes) || !calr_size_mul(bytes, (size_t)c, &bytes) ||
        !calr_size_mul(bytes, (size_t)d, &bytes) || !calr_size_mul(bytes, sizeof(float), &bytes) ||
        bytes > INT64_MAX)
        return calr_error(CALR_ENOMEM, "%s: %lld x %lld x %lld x %lld numbers are too many", what,
                          (long long)a, (long long)b, (long long)c, (long long)d);
    return CALR_OK;
}

/* axis: 0 down, 1 across */
static calr_status resolve_side(const char *what, calr_conv2d *conv, int axis, int64_t *out)
{
    int64_t *padding = conv->padding + 2 * axis;
    direction d = {.side = axis ? conv->w : conv->h,
                   .kernel = axis ? conv->kw : conv->kh,
                   .stride = conv->stride[axis],
                   .dilation = conv->dilation[axis]};
    int64_t kernel = reach(&d), steps = (d.side - 1) / d.stride;
    if (conv->same) {
        int64_t zeros = steps * d.stride + kernel - d.side;
        padding[0] = zeros > 0 ? zeros / 2 : 0;
        padding[1] = zeros > 0 ? zeros - padding[0] : 0;
    }
    for (int i = 0; i < 2; i++)
        CALR_TRY(check_side(what, "the padding", padding[i], 0));
    d.before = padding[0];
    d.after = padding[1];
    return output_side(what, &d, out);
}

calr_status calr_conv2d_resolve(calr_conv2d *conv)
{
    static const char what[] = "convolution";
    CALR_TRY(check_side(what, "the number of images", conv->n, 0));
    CALR_TRY(check_side(what, "the height", conv->h, 1));
    CALR_TRY(check_side(what, "the width", conv->w, 1));
    CALR_TRY(check_side(what, "the number of input channels", conv->c_in, 1));
    CALR_TRY(check_side(what, "the number of output channels", conv->c_out, 1));
    CALR_TRY(check_side(what, "the kernel height", conv->kh, 1));
    CALR_TRY(check_side(what, "the kernel width", conv->kw, 1));
    for (int i = 0; i < 2; i++) {
        if (conv->dilation[i] == 0)
            conv->dilation[i] = 1;
        CALR_TRY(check_side(what, "the stride", conv->stride[i], 1));
        CALR_TRY(check_side(what, "the dilation", conv->dilation[i], 1));
    }
    if (conv->groups == 0)
        conv->groups = 1;
    CALR_TRY(check_side(what, "the number of groups", conv->groups, 1));
    if (conv->c_in % conv->groups || conv->c_out % conv->groups)
        return calr_error(CALR_EINVAL,
                          "%s: %lld groups must divide both the %lld input and the %lld output "
                          "channels",
                          what, (long long)conv->groups, (long long)conv->c_in,
                          (long long)conv->c_out);
    CALR_TRY(resolve_side(what, conv, 0, &conv->out_h));
    CALR_TRY(resolve_side(what, conv, 1, &conv->out_w));
    CALR_TRY(check_volume(what, conv->n, conv->h, conv->w, conv->c_in));
    CALR_TRY(check_volume(what, conv->c_out, conv->c_in / conv->groups, conv->kh, conv->kw));
    return check_volume(what, conv->n, conv->out_h, conv->out_w, conv->c_out);
}

calr_status calr_pool2d_resolve(calr_pool2d *pool)
{
    static const char what[] = "max pooling";
    CALR_TRY(check_side(what, "the number of images", pool->n, 0));
    CALR_TRY(check_side(what, "the height", pool->h, 1));
    CALR_TRY(check_side(what, "the width", pool->w, 1));
    CALR_TRY(check_side(what, "the number of channels", pool->c, 1));
    CALR_TRY(check_side(what, "the stride", pool->stride, 1));
    if (pool->kernel < 1 || pool->kernel > 16)
        return calr_error(CALR_EINVAL, "%s: the kernel must be 1 to 16, not %lld", what,
                          (long long)pool->kernel);
    if (pool->padding < 0 || pool->padding > pool->kernel / 2)
        return calr_error(CALR_EINVAL,
                          "%s: the padding must be 0 to half the kernel (%lld), not %lld", what,
                          (long long)pool->kernel / 2, (long long)pool->padding);
    direction d = {pool->h, pool->kernel, pool->stride, 1, pool->padding, pool->padding};
    CALR_TRY(output_side(what, &d, &pool->out_h));
    d.side = pool->w;
    CALR_TRY(output_side(what, &d, &pool->out_w));
    CALR_TRY(check_volume(what, pool->n, pool->h, pool->w, pool->c));
    return check_volume(what, pool->n, pool->out_h, pool->out_w, pool->c);
}
