/* files/safetensors: files of the reference implementation, files for it, damage. */
#include "check.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"
#include "files/safetensors.h"
#include "os/file.h"

#define REFERENCE CALR_TEST_REFERENCE "/safetensors/"

static char scratch[] = "calr-safetensors-XXXXXX";

static calr_tensor *find(const calr_safetensors *file, const char *name)
{
    for (int64_t i = 0; i < calr_safetensors_count(file); i++)
        if (strcmp(calr_safetensors_name(file, i), name) == 0)
            return calr_safetensors_tensor(file, i);
    return NULL;
}

/* Element i of the 2 x 3 x 4 tensor is scale * i + shift. */
static void check_ramp(const calr_safetensors *file, const char *name, calr_dtype dtype,
                       double scale, double shift)
{
    calr_tensor *tensor = find(file, name);
    if (!CHECK(tensor && tensor->dtype == dtype && calr_tensor_numel(tensor) == 24))
        return;
    int wrong = 0;
    for (int64_t i = 0; i < 24; i++) {
        double value;
        wrong +=
            calr_tensor_get(tensor, (int64_t[]){i / 12, i / 4 % 3, i % 4}, &value) != CALR_OK ||
            value != scale * (double)i + shift;
    }
    if (!CHECK(wrong == 0))
        fprintf(stderr, "    %s\n", name);
}

static void types(void)
{
    calr_safetensors *file;
    CHECK_OK(calr_safetensors_load(REFERENCE "types.safetensors", &file));
    check_ramp(file, "F16", CALR_F16, 1, -11.5);
    check_ramp(file, "F64", CALR_F64, 1, -11.5);
    check_ramp(file, "I8", CALR_I32, 1, -12);
    check_ramp(file, "I16", CALR_I32, 1000, -12000);
    check_ramp(file, "U16", CALR_I32, 2849, 0);
    CHECK_INT(find(file, "BOOL")->dtype, CALR_BOOL);
    CHECK_INT(((const uint8_t *)calr_tensor_data(find(file, "BOOL")))[1], 1);
    CHECK_INT(calr_safetensors_notes(file), 2);
    int seen = 0;
    for (int64_t i = 0; i < 2; i++)
        seen += (strcmp(calr_safetensors_key(file, i), "one") == 0 &&
                 strcmp(calr_safetensors_value(file, i), "1") == 0) ||
                (strcmp(calr_safetensors_key(file, i), "\xC3\xA9") == 0 &&
                 strcmp(calr_safetensors_value(file, i), "\xE4\xB8\x89") == 0);
    CHECK_INT(seen, 2);
    calr_safetensors_release(file);
    CHECK_OK(calr_safetensors_load(REFERENCE "bf16.safetensors", &file));
    for (int i = 0; i < 4; i++)
        CHECK(calr_bf16_to_f32(calr_tensor_bf16(find(file, "x"))[i]) == (float)i - 1.5f);
    calr_safetensors_release(file);
}

static calr_tensor *make(calr_dtype dtype, int ndim, const int64_t *shape, const double *values)
{
    calr_tensor *tensor = NULL;
    CHECK_OK(calr_tensor_new(dtype, ndim, shape, &tensor));
    calr_tensor *flat;
    int64_t count = calr_tensor_numel(tensor);
    CHECK_OK(calr_tensor_reshape(tensor, 1, &count, &flat));
    for (int64_t i = 0; i < count; i++)
        CHECK_OK(calr_tensor_set(flat, &i, values[i]));
    calr_tensor_release(flat);
    return tensor;
}

static void add(calr_safetensors *file, const char *name, calr_tensor *tensor)
{
    CHECK_OK(calr_safetensors_add(file, name, tensor));
    calr_tensor_release(tensor);
}

/* The bytes of the reference implementation, whatever the order of adding; a strided tensor too. */
static void writing(void)
{
    char path[1024];
    double ramp[24];
    calr_safetensors *file;
    calr_tensor *turned;
    snprintf(path, sizeof path, "%s/written", scratch);
    for (int i = 0; i < 24; i++)
        ramp[i] = (i / 12 * 12 + i % 3 * 4 + i / 3 % 4) - 11.5;
    CHECK_OK(calr_safetensors_new(&file));
    calr_tensor *straight = make(CALR_F32, 3, (int64_t[]){2, 4, 3}, ramp);
    CHECK_OK(calr_tensor_transpose(straight, 1, 2, &turned));
    calr_tensor_release(straight);
    add(file, "layer1.weight", turned);
    add(file, "labels", make(CALR_I32, 1, (int64_t[]){3}, (double[]){-1, 0, 7}));
    add(file, "empty", make(CALR_F32, 2, (int64_t[]){0, 4}, NULL));
    add(file, "b", make(CALR_F32, 1, (int64_t[]){3}, (double[]){INFINITY, -0.0, 1e-45}));
    add(file, "bytes", make(CALR_U8, 1, (int64_t[]){5}, (double[]){0, 1, 2, 3, 4}));
    add(file, "a.count", make(CALR_I64, 0, NULL, (double[]){-3}));
    CHECK_OK(calr_safetensors_note(file, "format", "pt"));
    CHECK_OK(calr_safetensors_save(file, path));
    void *actual = NULL, *expected = NULL;
    size_t actual_size = 0, expected_size = 1;
    CHECK_OK(calr_file_read(path, &actual, &actual_size));
    CHECK_OK(calr_file_read(REFERENCE "written.safetensors", &expected, &expected_size));
    CHECK(actual_size == expected_size && memcmp(actual, expected, actual_size) == 0);
    free(actual);
    free(expected);
    calr_safetensors_release(file);
    CHECK_OK(calr_safetensors_load(path, &file));
    check_ramp(file, "layer1.weight", CALR_F32, 1, -11.5);
    CHECK(calr_tensor_i64(find(file, "a.count"))[0] == -3);
    CHECK_INT(find(file, "empty")->shape[1], 4);
    calr_safetensors_release(file);
    unlink(path);
}

static void names(void)
{
    calr_safetensors *file;
    calr_tensor *tensor = make(CALR_F32, 0, NULL, (double[]){1});
    CHECK_OK(calr_safetensors_new(&file));
    CHECK_OK(calr_safetensors_add(file, "a", tensor));
    CHECK_FAILS(calr_safetensors_add(file, "a", tensor), CALR_EEXIST, "named \"a\"");
    CHECK_FAILS(calr_safetensors_add(file, "__metadata__", tensor), CALR_EINVAL, "cannot be named");
    CHECK_FAILS(calr_safetensors_add(file, "\xFF", tensor), CALR_EINVAL, "cannot be named");
    CHECK_FAILS(calr_safetensors_note(file, "k", "\xFF"), CALR_EINVAL, "UTF-8");
    CHECK_OK(calr_safetensors_note(file, "k", "v"));
    CHECK_FAILS(calr_safetensors_note(file, "k", "v"), CALR_EEXIST, "named \"k\"");
    CHECK_FAILS(calr_safetensors_save(file, "/nonexistent/x"), CALR_ENOTFOUND, "/nonexistent/x");
    calr_safetensors_release(file);
    calr_tensor_release(tensor);
}

/* A file with this header and so many bytes of numbers. */
static calr_status parse_text(const char *header, size_t numbers)
{
    char data[4096] = {0};
    size_t length = strlen(header);
    data[0] = (char)(length & 255);
    data[1] = (char)(length >> 8);
    memcpy(data + 8, header, length);
    calr_safetensors *file = NULL;
    calr_status status = calr_safetensors_parse(data, 8 + length + numbers, "x", &file);
    calr_safetensors_release(file);
    return status;
}

#define ENTRY(type, shape, begin, end)                                                             \
    "{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" begin "," end "]}"

static void refused(void)
{
    calr_safetensors *file = NULL;
    CHECK_OK(parse_text("{}", 0));
    CHECK_OK(parse_text("{\"a\":" ENTRY("F32", "2", "0", "8") "}", 8));
    CHECK_OK(parse_text(
        "{\"a\":" ENTRY("F32", "2", "4", "12") ",\"b\":" ENTRY("F32", "", "0", "4") "}", 12));
    CHECK_FAILS(parse_text("{\"a\":" ENTRY("F32", "2", "0", "8") "}", 7), CALR_EFORMAT,
                "\"a\" lies outside");
    CHECK_FAILS(parse_text("{\"a\":" ENTRY("F32", "2", "0", "8") "}", 9), CALR_EFORMAT,
                "belong to no tensor");
    CHECK_FAILS(parse_text("{\"a\":" ENTRY("F32", "2", "4", "12") "}", 12), CALR_EFORMAT,
                "follows a hole");
    CHECK_FAILS(
        parse_text("{\"a\":" ENTRY("F32", "2", "0", "8") ",\"b\":" ENTRY("F32", "2", "4", "12") "}",
                   12),
        CALR_EFORMAT, "\"b\" overlaps");
    CHECK_FAILS(parse_text("{\"a\":" ENTRY("F32", "3", "0", "8") "}", 8), CALR_EFORMAT,
                "do not fit");
    CHECK_FAILS(parse_text("{\"a\":" ENTRY("F32", "4294967296,4294967297", "0", "8") "}", 8),
                CALR_EFORMAT, "do not fit");
    CHECK_FAILS(parse_text("{\"a\":" ENTRY("F32", "2", "8", "0") "}", 8), CALR_EFORMAT, "outside");
    CHECK_FAILS(parse_text("{\"a\":" ENTRY("F32", "2", "-8", "0") "}", 8), CALR_EFORMAT, "outside");
    CHECK_FAILS(parse_text("{\"a\":" ENTRY("F32", "-2", "0", "8") "}", 8), CALR_EFORMAT,
                "whole numbers");
    CHECK_FAILS(parse_text("{\"a\":" ENTRY("F32", "2.0", "0", "8") "}", 8), CALR_EFORMAT,
                "whole numbers");
    CHECK_FAILS(parse_text("{\"a\":" ENTRY("F32", "1,1,1,1,1,1,2", "0", "8") "}", 8), CALR_EFORMAT,
                "6 dimensions");
    CHECK_FAILS(parse_text("{\"a\":" ENTRY("C64", "1", "0", "8") "}", 8), CALR_EFORMAT, "type C64");
    CHECK_FAILS(parse_text("{\"a\":{\"dtype\":\"F32\"}}", 8), CALR_EFORMAT, "lacks");
    CHECK_FAILS(parse_text("{\"a\":7}", 8), CALR_EFORMAT, "lacks");
    CHECK_FAILS(
        parse_text("{\"a\":" ENTRY("U8", "0", "0", "0") ",\"a\":" ENTRY("U8", "0", "0", "0") "}",
                   0),
        CALR_EFORMAT, "duplicate");
    CHECK_FAILS(parse_text("{\"a\":", 8), CALR_EFORMAT, "malformed");
    CHECK_FAILS(parse_text("{\"__metadata__\":{\"a\":1}}", 0), CALR_EFORMAT, "no string");
    CHECK_FAILS(parse_text("{\"__metadata__\":[]}", 0), CALR_EFORMAT, "no JSON object");
    CHECK_FAILS(parse_text("[]", 0), CALR_EFORMAT, "no safetensors file");
    CHECK_FAILS(parse_text("", 0), CALR_EFORMAT, "too short");
    CHECK_FAILS(calr_safetensors_parse("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F{}", 10, "x", &file),
                CALR_EFORMAT, "truncated");
    CHECK_FAILS(calr_safetensors_load(REFERENCE "absent", &file), CALR_ENOTFOUND, "absent");
    CHECK_FAILS(calr_safetensors_load(CALR_TEST_REFERENCE, &file), CALR_EIO, "folder");
}

/* Damaged files are refused or read, never worse (run under the sanitizers). */
static void damage(void)
{
    static const char *const files[] = {REFERENCE "written.safetensors",
                                        REFERENCE "types.safetensors"};
    for (size_t n = 0; n < 2; n++) {
        void *original;
        size_t size;
        CHECK_OK(calr_file_read(files[n], &original, &size));
        uint64_t header =
            ((unsigned char *)original)[0] + 256u * ((unsigned char *)original)[1] + 8u;
        for (uint64_t round = 0; round < 10000; round++) {
            calr_rng rng = calr_rng_make(n, calr_rng_purpose("damage"), 0, round);
            size_t length = round % 8 == 0 ? (size_t)calr_rng_below(&rng, size + 1) : size;
            unsigned char *copy = malloc(length ? length : 1);
            memcpy(copy, original, length);
            uint64_t most = length < header ? length : header;
            for (uint64_t hits = 1 + calr_rng_below(&rng, 3); most > 0 && hits > 0; hits--) {
                static const char likely[] = "0123456789-.,:[]{}\"eFIU";
                uint64_t at = calr_rng_below(&rng, most);
                bool plausible = calr_rng_below(&rng, 4) > 0;
                copy[at] = plausible
                               ? (unsigned char)likely[calr_rng_below(&rng, sizeof likely - 1)]
                               : (unsigned char)calr_rng_below(&rng, 256);
            }
            calr_safetensors *file = NULL;
            calr_status status = calr_safetensors_parse(copy, length, "damaged", &file);
            if ((status == CALR_OK) != (file != NULL))
                CHECK(!"a file and a failure, or neither");
            calr_safetensors_release(file);
            free(copy);
        }
        free(original);
    }
}

/* One flipped bit anywhere is noticed, by the checksum or by the form. */
static void sealed(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/sealed", scratch);
    calr_safetensors *file;
    calr_tensor *x, *y;
    CHECK_OK(calr_safetensors_new(&file));
    CHECK_OK(calr_tensor_zeros(CALR_F32, 2, (int64_t[]){3, 5}, &x));
    CHECK_OK(calr_tensor_zeros(CALR_I64, 1, (int64_t[]){4}, &y));
    add(file, "x", x);
    add(file, "labels", y);
    CHECK_OK(calr_safetensors_note(file, "epoch", "7"));
    CHECK_OK(calr_safetensors_seal(file));
    CHECK_FAILS(calr_safetensors_seal(file), CALR_EEXIST, CALR_SAFETENSORS_CHECKSUM);
    CHECK_OK(calr_safetensors_save(file, path));
    calr_safetensors_release(file);
    CHECK_OK(calr_safetensors_load(path, &file));
    CHECK_INT(calr_safetensors_notes(file), 2);
    calr_safetensors_release(file);
    void *data;
    size_t size;
    CHECK_OK(calr_file_read(path, &data, &size));
    int unnoticed = 0;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        unsigned char *byte = (unsigned char *)data + bit / 8;
        *byte ^= (unsigned char)(1u << bit % 8);
        if (calr_safetensors_parse(data, size, "flipped", &file) == CALR_OK) {
            /* Only the name of the checksum itself can change unseen: the file is then one without. */
            unnoticed += calr_safetensors_notes(file) == 2 &&
                         strcmp(calr_safetensors_key(file, 0), CALR_SAFETENSORS_CHECKSUM) == 0;
            calr_safetensors_release(file);
        }
        *byte ^= (unsigned char)(1u << bit % 8);
    }
    CHECK_INT(unnoticed, 0);
    free(data);
    unlink(path);
}

int main(void)
{
    if (!mkdtemp(scratch))
        return 1;
    RUN(types);
    RUN(writing);
    RUN(names);
    RUN(refused);
    RUN(damage);
    RUN(sealed);
    rmdir(scratch);
    return check_finish();
}
