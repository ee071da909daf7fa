/* files/npy: files of NumPy's, files for NumPy, damage. */
#include "check.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/f16.h"
#include "base/rng.h"
#include "files/npy.h"
#include "os/file.h"

#define REFERENCE CALR_TEST_REFERENCE "/npy/"

static char scratch[] = "calr-npy-XXXXXX";

static calr_tensor *load(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, REFERENCE "%s.npy", name);
    calr_tensor *tensor = NULL;
    CHECK_OK(calr_npy_load(path, &tensor));
    return tensor;
}

/* The file holds a 2 x 3 x 4 array whose element i is scale * i + shift. */
static void check_ramp(const char *name, calr_dtype dtype, double scale, double shift)
{
    char text[CALR_TENSOR_TEXT], expected[CALR_TENSOR_TEXT];
    calr_tensor *tensor = load(name);
    if (!tensor)
        return;
    snprintf(expected, sizeof expected, "%s[2 x 3 x 4]", calr_dtype_name(dtype));
    CHECK_STRING(calr_tensor_describe(tensor, text), expected);
    int wrong = 0;
    for (int64_t i = 0; i < 24 && calr_tensor_numel(tensor) == 24; i++) {
        double value;
        wrong +=
            calr_tensor_get(tensor, (int64_t[]){i / 12, i / 4 % 3, i % 4}, &value) != CALR_OK ||
            value != scale * (double)i + shift;
    }
    if (!CHECK(wrong == 0))
        fprintf(stderr, "    %s\n", name);
    calr_tensor_release(tensor);
}

static void types(void)
{
    check_ramp("f4", CALR_F32, 1, -11.5);
    check_ramp("f8", CALR_F64, 1, -11.5);
    check_ramp("f4_big", CALR_F32, 1, -11.5);
    check_ramp("i1", CALR_I32, 1, -12);
    check_ramp("i2", CALR_I32, 1000, -12000);
    check_ramp("i4", CALR_I32, 1e8, -12e8);
    check_ramp("i4_big", CALR_I32, 1e8, -12e8);
    check_ramp("i8", CALR_I64, 1e17, -12e17);
    check_ramp("u1", CALR_U8, 11, 0);
    check_ramp("u2", CALR_I32, 2849, 0);
    check_ramp("fortran", CALR_F32, 1, -11.5);
    check_ramp("format2", CALR_F32, 1, -11.5);
    check_ramp("format3", CALR_F32, 1, -11.5);
    calr_tensor *tensor = load("b1");
    CHECK_INT(tensor->dtype, CALR_BOOL);
    CHECK_INT(((const uint8_t *)calr_tensor_data(tensor))[0], 0);
    CHECK_INT(((const uint8_t *)calr_tensor_data(tensor))[23], 1);
    calr_tensor_release(tensor);
}

/* The numbers of float16 are those of float32, NaN and infinities too. */
static void special_numbers(void)
{
    calr_tensor *half = load("f2"), *full = load("f4_special");
    CHECK_INT(calr_tensor_numel(half), 9);
    CHECK_INT(half->dtype, CALR_F16);
    const float *f = calr_tensor_f32(full);
    float h[9];
    for (int i = 0; i < 9; i++)
        h[i] = calr_f16_to_f32(((const calr_f16 *)calr_tensor_data(half))[i]);
    for (int i = 0; i < 7; i++)
        CHECK(h[i] == f[i] || (isnan(h[i]) && isnan(f[i])));
    CHECK(signbit(h[1]));
    CHECK(h[7] == 0x1p-24f); /* the smallest half above zero, to which 6e-8 rounds */
    CHECK(h[8] == 65504.0f);
    calr_tensor_release(half);
    calr_tensor_release(full);
}

static void odd_shapes(void)
{
    char text[CALR_TENSOR_TEXT];
    calr_tensor *scalar = load("scalar"), *empty = load("empty");
    CHECK_STRING(calr_tensor_describe(scalar, text), "f32[]");
    CHECK(calr_tensor_f32(scalar)[0] == 7.5f);
    CHECK_STRING(calr_tensor_describe(empty, text), "f32[3 x 0 x 2]");
    calr_tensor_release(scalar);
    calr_tensor_release(empty);
}

static void refused(void)
{
    calr_tensor *tensor = NULL;
    CHECK_FAILS(calr_npy_load(REFERENCE "c16.npy", &tensor), CALR_EFORMAT, "type \"<c16\"");
    CHECK_FAILS(calr_npy_load(REFERENCE "u8.npy", &tensor), CALR_EFORMAT, "type \"<u8\"");
    CHECK_FAILS(calr_npy_load(REFERENCE "structured.npy", &tensor), CALR_EFORMAT, "structured");
    CHECK_FAILS(calr_npy_load(REFERENCE "seven.npy", &tensor), CALR_EFORMAT,
                "more than 6 dimensions");
    CHECK_FAILS(calr_npy_load(REFERENCE "make.py", &tensor), CALR_EFORMAT, "is not an .npy file");
    CHECK_FAILS(calr_npy_load(REFERENCE "absent.npy", &tensor), CALR_ENOTFOUND, "absent.npy");
    CHECK_FAILS(calr_npy_load(CALR_TEST_REFERENCE, &tensor), CALR_EIO, "folder");
    CHECK(tensor == NULL);
}

/* A file with this header and so many bytes of numbers. */
static calr_status parse_text(const char *header, size_t numbers)
{
    char data[4096] = "\x93NUMPY\x01\x00";
    size_t length = strlen(header);
    data[8] = (char)(length & 255);
    data[9] = (char)(length >> 8);
    memcpy(data + 10, header, length);
    calr_tensor *tensor = NULL;
    calr_status status = calr_npy_parse(data, 10 + length + numbers, "x", &tensor);
    calr_tensor_release(tensor);
    return status;
}

static void headers(void)
{
    CHECK_OK(parse_text("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8));
    CHECK_OK(parse_text("{\"shape\":(2L,1L),\"fortran_order\":True,\"descr\":\"<f4\"}", 8));
    CHECK_FAILS(parse_text("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7),
                CALR_EFORMAT, "do not fit");
    CHECK_FAILS(parse_text("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9),
                CALR_EFORMAT, "do not fit");
    CHECK_FAILS(
        parse_text("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
                   0),
        CALR_EFORMAT, "do not fit");
    CHECK_FAILS(
        parse_text("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
                   0),
        CALR_EFORMAT, "too large");
    CHECK_FAILS(parse_text("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 0),
                CALR_EFORMAT, "whole number");
    CHECK_FAILS(parse_text("{'descr': '<f4', 'fortran_order': False, 'shape': (2", 0), CALR_EFORMAT,
                "does not end");
    CHECK_FAILS(parse_text("{'descr': '<f4', 'fortran_order': Perhaps, 'shape': (2,)}", 0),
                CALR_EFORMAT, "True or");
    CHECK_FAILS(parse_text("{'descr': '<f4', 'shape': (2,)}", 8), CALR_EFORMAT, "missing");
    CHECK_FAILS(parse_text("{'descr': '<f4', 'nope': 1}", 8), CALR_EFORMAT, "does not belong");
    CHECK_FAILS(parse_text("{'descr': '<f4", 8), CALR_EFORMAT, "does not end");
    CHECK_FAILS(parse_text("{'descr': '', 'shape': (2,)}", 8), CALR_EFORMAT, "type \"\"");
    CHECK_FAILS(parse_text("", 8), CALR_EFORMAT, "no dictionary");
    CHECK_FAILS(parse_text("{", 0), CALR_EFORMAT, "string is expected");
    /* Nothing of it overflows where a dimension is 0. */
    parse_text("{'descr': '<f4', 'fortran_order': True, 'shape': (0, 4611686018427387904, 16)}", 0);
    parse_text("{'descr': '<f8', 'fortran_order': True, 'shape': (9223372036854775807, 0)}", 0);
}

static void check_saved(const char *name, const calr_tensor *tensor)
{
    char path[1024], reference[1024];
    snprintf(path, sizeof path, "%s/%s.npy", scratch, name);
    snprintf(reference, sizeof reference, REFERENCE "%s.npy", name);
    CHECK_OK(calr_npy_save(path, tensor));
    void *actual = NULL, *expected = NULL;
    size_t actual_size = 0, expected_size = 1;
    CHECK_OK(calr_file_read(path, &actual, &actual_size));
    CHECK_OK(calr_file_read(reference, &expected, &expected_size));
    CHECK(actual_size == expected_size && memcmp(actual, expected, actual_size) == 0);
    free(actual);
    free(expected);
    unlink(path);
}

/* What is written is what NumPy writes. */
static void saving(void)
{
    calr_tensor *ramp, *view, *bytes, *scalar;
    CHECK_OK(calr_tensor_new(CALR_F32, 3, (int64_t[]){2, 4, 3}, &ramp));
    for (int64_t i = 0; i < 24; i++)
        calr_tensor_set(ramp, (int64_t[]){i / 12, i % 4, i / 4 % 3}, (double)i);
    CHECK_OK(calr_tensor_transpose(ramp, 1, 2, &view)); /* strided */
    check_saved("saved_f4", view);
    CHECK_OK(calr_tensor_new(CALR_U8, 1, (int64_t[]){5}, &bytes));
    for (int i = 0; i < 5; i++)
        calr_tensor_u8(bytes)[i] = (uint8_t)i;
    check_saved("saved_u1", bytes);
    CHECK_OK(calr_tensor_new(CALR_I64, 0, NULL, &scalar));
    calr_tensor_i64(scalar)[0] = -3;
    check_saved("saved_i8", scalar);
    CHECK_FAILS(calr_npy_save("/nonexistent/x.npy", scalar), CALR_ENOTFOUND, "/nonexistent/x.npy");
    calr_tensor_release(ramp);
    calr_tensor_release(view);
    calr_tensor_release(bytes);
    calr_tensor_release(scalar);
}

/* Rows of several files in one, the empty ones too. */
static void joining(void)
{
    char name[4][64], joined[64];
    const char *paths[4];
    const int64_t rows[] = {2, 0, 3};
    float next = 1;
    for (int f = 0; f < 3; f++) {
        calr_tensor *part;
        snprintf(name[f], sizeof name[f], "%s/part%d.npy", scratch, f);
        paths[f] = name[f];
        CHECK_OK(calr_tensor_new(CALR_F32, 2, (int64_t[]){rows[f], 2}, &part));
        for (int64_t i = 0; i < 2 * rows[f]; i++)
            calr_tensor_f32(part)[i] = next++;
        CHECK_OK(calr_npy_save(name[f], part));
        calr_tensor_release(part);
    }
    snprintf(joined, sizeof joined, "%s/joined.npy", scratch);
    CHECK_OK(calr_npy_join(joined, paths, 3));
    calr_tensor *all = NULL, *wide;
    CHECK_OK(calr_npy_load(joined, &all));
    CHECK(all->ndim == 2 && all->shape[0] == 5 && all->shape[1] == 2);
    for (int i = 0; i < 10; i++)
        CHECK_NEAR(calr_tensor_f32(all)[i], i + 1, 0);
    calr_tensor_release(all);
    unlink(joined);

    snprintf(name[3], sizeof name[3], "%s/part3.npy", scratch);
    paths[3] = name[3];
    CHECK_OK(calr_tensor_new(CALR_F32, 2, (int64_t[]){1, 3}, &wide));
    CHECK_OK(calr_npy_save(name[3], wide));
    CHECK_FAILS(calr_npy_join(joined, paths, 4), CALR_EINVAL, "part3.npy differ in type or in");
    CHECK(access(joined, F_OK) != 0);
    CHECK_FAILS(calr_npy_join(joined, paths, 0), CALR_EINVAL, "no files");
    CHECK_FAILS(calr_npy_join("/nonexistent/x.npy", paths, 3), CALR_ENOTFOUND, "/nonexistent");
    unlink(name[2]);
    CHECK_FAILS(calr_npy_join(joined, paths, 3), CALR_ENOTFOUND, "part2.npy");
    CHECK_INT(truncate(name[0], 20), 0);
    CHECK_FAILS(calr_npy_join(joined, paths, 2), CALR_EFORMAT, "part0.npy");
    calr_tensor_release(wide);
    CHECK_OK(calr_tensor_new(CALR_F32, 0, NULL, &wide));
    CHECK_OK(calr_npy_save(name[0], wide));
    CHECK_FAILS(calr_npy_join(joined, paths, 1), CALR_EINVAL, "a single number");
    calr_tensor_release(wide);
    for (int f = 0; f < 4; f++)
        unlink(name[f]);
}

/* Damaged files are refused or read, never worse (run under the sanitizers). */
static void damage(void)
{
    static const char *const names[] = {"f4", "f8",    "fortran",   "format2",
                                        "i8", "empty", "structured"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        char path[1024];
        snprintf(path, sizeof path, REFERENCE "%s.npy", names[n]);
        void *original;
        size_t size;
        CHECK_OK(calr_file_read(path, &original, &size));
        for (uint64_t round = 0; round < 4000; round++) {
            calr_rng rng = calr_rng_make(n, calr_rng_purpose("damage"), 0, round);
            size_t length = round % 4 == 0 ? (size_t)calr_rng_below(&rng, size + 1) : size;
            unsigned char *copy = malloc(length ? length : 1);
            memcpy(copy, original, length);
            size_t header = length < 128 ? length : 128;
            for (uint64_t hits = calr_rng_below(&rng, 4); header > 0 && hits > 0; hits--)
                copy[calr_rng_below(&rng, header)] = (unsigned char)(32 + calr_rng_below(&rng, 96));
            calr_tensor *tensor = NULL;
            calr_status status = calr_npy_parse(copy, length, "damaged", &tensor);
            if ((status == CALR_OK) != (tensor != NULL))
                CHECK(!"a tensor and a failure, or neither");
            calr_tensor_release(tensor);
            free(copy);
        }
        free(original);
    }
    CHECK(true);
}

int main(void)
{
    if (!mkdtemp(scratch))
        return 1;
    RUN(types);
    RUN(special_numbers);
    RUN(odd_shapes);
    RUN(refused);
    RUN(headers);
    RUN(saving);
    RUN(joining);
    RUN(damage);
    rmdir(scratch);
    return check_finish();
}
