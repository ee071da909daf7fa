/* What a search for neighbours answers. */
#ifndef CALR_TESTS_ANSWER_H
#define CALR_TESTS_ANSWER_H

#include <stdint.h>
#include <stdlib.h>

typedef struct answer {
    int32_t *indices;
    float *values;
} answer;

static inline answer new_answer(int64_t n, int64_t k)
{
    return (answer){malloc((size_t)(n * k + 1) * sizeof(int32_t)),
                    malloc((size_t)(n * k + 1) * sizeof(float))};
}

static inline void free_answer(answer a)
{
    free(a.indices);
    free(a.values);
}

#endif
