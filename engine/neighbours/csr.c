#include "neighbours/csr.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/interrupt.h"
#include "base/size.h"
#include "tensor/pool.h"

/* count * size bytes of the pool; both are known to be >= 0. */
static calr_status pool_array(int64_t count, size_t size, void *out)
{
    size_t bytes;
    void *block;
    if (!calr_size_mul((size_t)count, size, &bytes))
        return calr_error(CALR_ENOMEM,
                          "a sparse matrix of %" PRId64 " pairs is more than can be addressed",
                          count);
    CALR_TRY(calr_pool_alloc(bytes, &block));
    memcpy(out, &block, sizeof block);
    return CALR_OK;
}

calr_status calr_csr_new(int64_t rows, int64_t columns, int64_t nonzeros, calr_csr **out)
{
    if (rows < 0 || rows == INT64_MAX || nonzeros < 0 || columns < 0 || columns > INT32_MAX)
        return calr_error(CALR_EINVAL,
                          "a sparse matrix cannot be %" PRId64 " x %" PRId64 " with %" PRId64
                          " pairs",
                          rows, columns, nonzeros);
    calr_csr *csr = calloc(1, sizeof *csr);
    if (!csr)
        return calr_error(CALR_ENOMEM, "out of memory for a sparse matrix");
    csr->rows = rows;
    csr->columns = columns;
    csr->nonzeros = nonzeros;
    calr_status status = pool_array(rows + 1, sizeof *csr->offsets, &csr->offsets);
    if (status == CALR_OK)
        status = pool_array(nonzeros, sizeof *csr->indices, &csr->indices);
    if (status == CALR_OK)
        status = pool_array(nonzeros, sizeof *csr->values, &csr->values);
    if (status != CALR_OK) {
        calr_csr_release(csr);
        return status;
    }
    memset(csr->offsets, 0, (size_t)(rows + 1) * sizeof *csr->offsets);
    *out = csr;
    return CALR_OK;
}

void calr_csr_release(calr_csr *csr)
{
    if (!csr)
        return;
    calr_pool_free(csr->offsets, (size_t)(csr->rows + 1) * sizeof *csr->offsets);
    calr_pool_free(csr->indices, (size_t)csr->nonzeros * sizeof *csr->indices);
    calr_pool_free(csr->values, (size_t)csr->nonzeros * sizeof *csr->values);
    free(csr);
}

static calr_status validate_row(const calr_csr *csr, int64_t row, const char *what)
{
    int64_t begin = csr->offsets[row], end = csr->offsets[row + 1];
    if (begin < 0 || end < begin || end > csr->nonzeros)
        return calr_error(CALR_EINVAL,
                          "%s: row %" PRId64 " ends at %" PRId64
                          ", before it begins or past the %" PRId64 " pairs",
                          what, row, end, csr->nonzeros);
    for (int64_t p = begin; p < end; p++) {
        if (csr->indices[p] < 0 || csr->indices[p] >= csr->columns)
            return calr_error(CALR_EINVAL, "%s: row %" PRId64 " names column %d of %" PRId64, what,
                              row, csr->indices[p], csr->columns);
        if (p > begin && csr->indices[p] <= csr->indices[p - 1])
            return calr_error(CALR_EINVAL,
                              "%s: the columns of row %" PRId64 " do not ascend (%d after %d)",
                              what, row, csr->indices[p], csr->indices[p - 1]);
        if (!isfinite(csr->values[p]))
            return calr_error(CALR_ENUMERIC,
                              "%s: the value at row %" PRId64 ", column %d is not finite", what,
                              row, csr->indices[p]);
    }
    return CALR_OK;
}

calr_status calr_csr_validate(const calr_csr *csr, const char *what)
{
    if (csr->offsets[0] != 0 || csr->offsets[csr->rows] != csr->nonzeros)
        return calr_error(CALR_EINVAL, "%s: the row offsets must run from 0 to %" PRId64, what,
                          csr->nonzeros);
    for (int64_t row = 0; row < csr->rows; row++) {
        CALR_TRY(calr_interrupt_check());
        CALR_TRY(validate_row(csr, row, what));
    }
    return CALR_OK;
}

calr_status calr_csr_transpose(const calr_csr *csr, calr_csr **out)
{
    calr_csr *t;
    if (csr->rows > INT32_MAX)
        return calr_error(CALR_EINVAL,
                          "a matrix of %" PRId64 " rows cannot be transposed: columns are 32-bit",
                          csr->rows);
    CALR_TRY(calr_csr_new(csr->columns, csr->rows, csr->nonzeros, &t));
    /* Count, sum up, place; each offset ends up at the end of its row, so they are shifted back at
     * last. */
    for (int64_t row = 0; row < csr->rows && !calr_interrupt_requested(); row++)
        for (int64_t p = csr->offsets[row]; p < csr->offsets[row + 1]; p++)
            t->offsets[csr->indices[p] + 1]++;
    for (int64_t c = 0; c < csr->columns; c++)
        t->offsets[c + 1] += t->offsets[c];
    for (int64_t row = 0; row < csr->rows; row++) {
        calr_status status = calr_interrupt_check();
        if (status != CALR_OK) {
            calr_csr_release(t);
            return status;
        }
        for (int64_t p = csr->offsets[row]; p < csr->offsets[row + 1]; p++) {
            int64_t at = t->offsets[csr->indices[p]]++;
            t->indices[at] = (int32_t)row;
            t->values[at] = csr->values[p];
        }
    }
    for (int64_t c = csr->columns; c > 0; c--)
        t->offsets[c] = t->offsets[c - 1];
    t->offsets[0] = 0;
    *out = t;
    return CALR_OK;
}

int64_t calr_csr_find(const calr_csr *csr, int64_t i, int64_t j)
{
    int64_t low = csr->offsets[i], high = csr->offsets[i + 1];
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (csr->indices[middle] < j)
            low = middle + 1;
        else
            high = middle;
    }
    return low < csr->offsets[i + 1] && csr->indices[low] == j ? low : -1;
}

float calr_csr_get(const calr_csr *csr, int64_t i, int64_t j, float missing)
{
    int64_t at = calr_csr_find(csr, i, j);
    return at >= 0 ? csr->values[at] : missing;
}

/* ---- building ---- */

typedef struct block {
    int32_t *indices;
    float *values;
    int64_t count, capacity;
    bool failed;
} block;

struct calr_csr_builder {
    int64_t rows, columns, grain, blocks;
    int64_t *lengths; /* [rows] */
    block *block;     /* [blocks] */
};

calr_status calr_csr_builder_new(int64_t rows, int64_t columns, int64_t grain,
                                 calr_csr_builder **out)
{
    if (rows < 0 || grain < 1)
        return calr_error(CALR_EINVAL,
                          "a sparse matrix cannot have %" PRId64 " rows in blocks of %" PRId64,
                          rows, grain);
    calr_csr_builder *builder = calloc(1, sizeof *builder);
    if (!builder)
        return calr_error(CALR_ENOMEM, "out of memory for a sparse matrix");
    builder->rows = rows;
    builder->columns = columns;
    builder->grain = grain;
    builder->blocks = rows / grain + (rows % grain != 0);
    builder->lengths = calr_array_zeros(rows, sizeof *builder->lengths);
    builder->block = calr_array_zeros(builder->blocks, sizeof *builder->block);
    if (!builder->lengths || !builder->block) {
        calr_csr_builder_release(builder);
        return calr_error(CALR_ENOMEM, "out of memory for a sparse matrix of %" PRId64 " rows",
                          rows);
    }
    *out = builder;
    return CALR_OK;
}

static void block_clear(block *b)
{
    free(b->indices);
    free(b->values);
    *b = (block){0};
}

void calr_csr_builder_release(calr_csr_builder *builder)
{
    if (!builder)
        return;
    for (int64_t b = 0; builder->block && b < builder->blocks; b++)
        block_clear(&builder->block[b]);
    free(builder->block);
    free(builder->lengths);
    free(builder);
}

static bool block_grow(block *b, int64_t count)
{
    if (b->count + count <= b->capacity)
        return true;
    int64_t capacity = b->capacity + b->capacity / 2 > b->count + count
                           ? b->capacity + b->capacity / 2
                           : b->count + count;
    int32_t *indices = realloc(b->indices, (size_t)capacity * sizeof *indices);
    if (indices)
        b->indices = indices;
    float *values = realloc(b->values, (size_t)capacity * sizeof *values);
    if (values)
        b->values = values;
    if (!indices || !values)
        return false;
    b->capacity = capacity;
    return true;
}

void calr_csr_builder_row(calr_csr_builder *builder, int64_t row, int64_t count, int32_t **indices,
                          float **values)
{
    block *b = &builder->block[row / builder->grain];
    *indices = NULL;
    *values = NULL;
    if (b->failed || !block_grow(b, count > 0 ? count : 1)) {
        b->failed = true;
        return;
    }
    *indices = b->indices + b->count;
    *values = b->values + b->count;
    b->count += count;
    builder->lengths[row] = count;
}

calr_status calr_csr_builder_finish(calr_csr_builder *builder, calr_csr **out)
{
    int64_t nonzeros = 0;
    bool failed = false;
    for (int64_t b = 0; b < builder->blocks; b++) {
        nonzeros += builder->block[b].count;
        failed = failed || builder->block[b].failed;
    }
    calr_csr *csr;
    calr_status status =
        failed ? calr_error(CALR_ENOMEM, "out of memory for the rows of a sparse matrix")
               : calr_csr_new(builder->rows, builder->columns, nonzeros, &csr);
    if (status == CALR_OK) {
        for (int64_t row = 0; row < builder->rows; row++)
            csr->offsets[row + 1] = csr->offsets[row] + builder->lengths[row];
        int64_t at = 0;
        for (int64_t i = 0; i < builder->blocks && !calr_interrupt_requested(); i++) {
            block *b = &builder->block[i];
            if (b->count > 0) {
                memcpy(csr->indices + at, b->indices, (size_t)b->count * sizeof *b->indices);
                memcpy(csr->values + at, b->values, (size_t)b->count * sizeof *b->values);
            }
            at += b->count;
            block_clear(b);
        }
        status = calr_interrupt_check();
        if (status == CALR_OK)
            *out = csr;
        else
            calr_csr_release(csr);
    }
    calr_csr_builder_release(builder);
    return status;
}
