#include "tensor/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEM = 352 }; /* room for the longest number: 1.8e308 with 17 digits after the point */

typedef struct printer {
    const calr_tensor *tensor;
    calr_text_options options;
    bool cut;           /* only the edges are shown */
    double least, most; /* finite absolute values; least without 0 */
    bool exponent;      /* 1.5e-07 */
    int digits;         /* after the point */
    int item_width;     /* of the widest number */
    FILE *file;
    int column; /* where the next item goes */
} printer;

/* ---- what is shown ---- */

/* The item of a dimension that is shown after item i; -1 stands before the first. */
static int64_t next_item(const printer *p, int dim, int64_t i)
{
    int64_t length = p->tensor->shape[dim], edge = p->options.edge;
    bool jumps = p->cut && length > 2 * edge && i + 1 == edge;
    return jumps ? length - edge : i + 1;
}

static void visit(printer *p, int dim, int64_t *index,
                  void (*see)(printer *p, const int64_t *index))
{
    if (dim == p->tensor->ndim) {
        see(p, index);
        return;
    }
    for (int64_t i = next_item(p, dim, -1); i < p->tensor->shape[dim]; i = next_item(p, dim, i)) {
        index[dim] = i;
        visit(p, dim + 1, index, see);
    }
}

static void visit_all(printer *p, void (*see)(printer *p, const int64_t *index))
{
    int64_t index[CALR_MAX_DIMS] = {0};
    visit(p, 0, index, see);
}

static double number(const printer *p, const int64_t *index)
{
    double value = 0;
    (void)calr_tensor_get(p->tensor, index, &value); /* the index is in range */
    return value;
}

/* ---- how numbers are written: all of them the same way ---- */

static int format_integer(const printer *p, const int64_t *index, char text[ITEM])
{
    if (p->tensor->dtype == CALR_BOOL)
        return snprintf(text, ITEM, number(p, index) != 0 ? "true" : "false");
    if (p->tensor->dtype != CALR_I64)
        return snprintf(text, ITEM, "%.0f", number(p, index));
    int64_t at = 0; /* 64 bits do not fit a double */
    for (int d = 0; d < p->tensor->ndim; d++)
        at += index[d] * p->tensor->stride[d];
    return snprintf(text, ITEM, "%" PRId64, calr_tensor_i64(p->tensor)[at]);
}

static int format_item(const printer *p, const int64_t *index, char text[ITEM])
{
    if (!calr_dtype_is_float(p->tensor->dtype))
        return format_integer(p, index, text);
    double value = number(p, index);
    if (isnan(value))
        return snprintf(text, ITEM, "nan");
    if (isinf(value))
        return snprintf(text, ITEM, value > 0 ? "inf" : "-inf");
    if (p->exponent)
        return snprintf(text, ITEM, "%.*e", p->digits, value);
    int used = snprintf(text, ITEM, "%.*f", p->digits, value);
    if (p->digits == 0) /* "1." is no integer */
        used += snprintf(text + used, (size_t)(ITEM - used), ".");
    return used;
}

static void see_range(printer *p, const int64_t *index)
{
    double size = fabs(number(p, index));
    if (!isfinite(size))
        return;
    if (size > p->most)
        p->most = size;
    if (size > 0 && (p->least == 0 || size < p->least))
        p->least = size;
}

/* How many digits after the point this number needs, without zeros at their end. */
static void see_digits(printer *p, const int64_t *index)
{
    char text[ITEM];
    double value = number(p, index);
    if (!isfinite(value))
        return;
    snprintf(text, ITEM, p->exponent ? "%.*e" : "%.*f", p->options.precision, value);
    const char *point = strchr(text, '.'), *end = point ? strchr(point, 'e') : NULL;
    if (!point)
        return;
    if (!end)
        end = text + strlen(text);
    while (end[-1] == '0')
        end--;
    int digits = (int)(end - point) - 1;
    if (digits > p->digits)
        p->digits = digits;
}

static void see_width(printer *p, const int64_t *index)
{
    char text[ITEM];
    int width = format_item(p, index, text);
    if (width > p->item_width)
        p->item_width = width;
}

static void choose_format(printer *p)
{
    if (calr_dtype_is_float(p->tensor->dtype)) {
        visit_all(p, see_range);
        /* NumPy's rule. */
        p->exponent = p->most >= 1e8 || (p->least > 0 && p->least < 1e-4) ||
                      (p->least > 0 && p->most / p->least > 1000);
        visit_all(p, see_digits);
    }
    visit_all(p, see_width);
}

/* ---- writing ---- */

static void write_indent(printer *p, int count)
{
    fputc('\n', p->file);
    for (int i = 0; i < count; i++)
        fputc(' ', p->file);
    p->column = count;
}

/* One item of the last dimension, or "..." for those left out, where the line has room or on the next one. */
static void write_text(printer *p, const char *text, int length, bool first, int depth)
{
    if (!first && p->column + 1 + length + depth > p->options.width) /* depth: brackets */
        write_indent(p, depth);
    else if (!first)
        p->column += fprintf(p->file, " ");
    p->column += fprintf(p->file, "%s", text);
}

static void write_row(printer *p, int64_t *index)
{
    int dim = p->tensor->ndim - 1;
    int64_t last = -1;
    for (int64_t i = next_item(p, dim, -1); i < p->tensor->shape[dim]; i = next_item(p, dim, i)) {
        char item[ITEM], padded[ITEM + 32];
        index[dim] = i;
        if (i != last + 1)
            write_text(p, "...", 3, i == 0, dim + 1);
        format_item(p, index, item);
        int length = snprintf(padded, sizeof padded, "%*s", p->item_width, item);
        write_text(p, padded, length, i == 0, dim + 1);
        last = i;
    }
    if (last + 1 < p->tensor->shape[dim])
        write_text(p, "...", 3, last < 0, dim + 1);
}

/* Ends a line between two items of a dimension: one empty line more for each that begins anew. */
static void separate(printer *p, int dim)
{
    for (int d = dim; d < p->tensor->ndim - 2; d++)
        fputc('\n', p->file);
    write_indent(p, dim + 1);
}

static void write_dim(printer *p, int dim, int64_t *index)
{
    const calr_tensor *t = p->tensor;
    int64_t last = -1;
    p->column += fprintf(p->file, "[");
    if (dim == t->ndim - 1) {
        write_row(p, index);
        fprintf(p->file, "]");
        return;
    }
    for (int64_t i = next_item(p, dim, -1); i < t->shape[dim]; i = next_item(p, dim, i)) {
        if (i > 0)
            separate(p, dim);
        if (i != last + 1) {
            fprintf(p->file, "...");
            separate(p, dim);
        }
        index[dim] = i;
        write_dim(p, dim + 1, index);
        last = i;
    }
    fprintf(p->file, last + 1 < t->shape[dim] ? "...]" : "]");
}

static void write_all(printer *p)
{
    char text[CALR_TENSOR_TEXT], item[ITEM];
    int64_t index[CALR_MAX_DIMS] = {0};
    fprintf(p->file, "%s", calr_tensor_describe(p->tensor, text));
    if (p->tensor->ndim == 0) {
        format_item(p, index, item);
        fprintf(p->file, " %s", item);
    } else if (calr_tensor_numel(p->tensor) > 0) {
        fputc('\n', p->file);
        write_dim(p, 0, index);
    }
}

calr_status calr_tensor_text(const calr_tensor *tensor, const calr_text_options *options,
                             char **out)
{
    char *text = NULL;
    size_t size;
    printer p = {.tensor = tensor, .options = *options};
    p.cut = calr_tensor_numel(tensor) > options->threshold;
    p.file = open_memstream(&text, &size);
    if (!p.file)
        return calr_error(CALR_ENOMEM, "no memory for a text");
    if (calr_tensor_numel(tensor) > 0)
        choose_format(&p);
    write_all(&p);
    bool whole = fflush(p.file) == 0 && !ferror(p.file);
    whole = fclose(p.file) == 0 && whole;
    if (!whole) {
        free(text);
        return calr_error(CALR_ENOMEM, "no memory for a text");
    }
    *out = text;
    return CALR_OK;
}
