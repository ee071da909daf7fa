/* Reads golden values: a text file whose lines are a name without spaces, a count and that many
 * numbers. */
#ifndef CALR_TESTS_GOLDEN_H
#define CALR_TESTS_GOLDEN_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct golden_entry {
    char name[64];
    int64_t count;
    double *values;
} golden_entry;

typedef struct golden_file {
    golden_entry *entries;
    int64_t count;
} golden_file;

static inline void golden_close(golden_file *file)
{
    for (int64_t i = 0; i < file->count; i++)
        free(file->entries[i].values);
    free(file->entries);
    *file = (golden_file){0};
}

/* Empty, with a message, when the file cannot be read or is cut short. */
static inline golden_file golden_open(const char *path)
{
    golden_file file = {0};
    FILE *stream = fopen(path, "r");
    golden_entry e = {.values = NULL};
    int whole = stream != NULL;
    while (whole && fscanf(stream, "%63s %" SCNd64, e.name, &e.count) == 2) {
        golden_entry *entries = realloc(file.entries, (size_t)(file.count + 1) * sizeof *entries);
        e.values = malloc((size_t)(e.count + 1) * sizeof *e.values);
        if (entries)
            file.entries = entries;
        if (!entries || !e.values) {
            free(e.values);
            whole = 0;
            break;
        }
        for (int64_t i = 0; i < e.count; i++)
            whole = whole && fscanf(stream, "%lf", &e.values[i]) == 1;
        file.entries[file.count++] = e;
    }
    if (stream)
        fclose(stream);
    if (!whole) {
        fprintf(stderr, "cannot read %s\n", path);
        golden_close(&file);
    }
    return file;
}

static inline const golden_entry *golden_find(const golden_file *file, const char *name)
{
    for (int64_t i = 0; i < file->count; i++)
        if (strcmp(file->entries[i].name, name) == 0)
            return &file->entries[i];
    return NULL;
}

#endif
