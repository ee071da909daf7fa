/* files/pth and files/pickle: files of PyTorch in both forms, damage, hostile pickles. */
#include "check.h"

#include <stdlib.h>

#include "base/rng.h"
#include "files/pth.h"
#include "os/file.h"

#define REFERENCE CALR_TEST_REFERENCE "/pth/"

static calr_tensor *find(calr_pth *file, const char *name)
{
    calr_tensor *tensor = NULL;
    const calr_pickle_value *value = calr_pickle_get(calr_pth_root(file), name);
    if (CHECK(value && calr_pth_is_tensor(value)))
        CHECK_OK(calr_pth_tensor(file, value, &tensor));
    return tensor;
}

/* Element i is scale * i + shift, as it was before `turned` axes 1 and 2 changed places. */
static void check_ramp(calr_pth *file, const char *name, calr_dtype dtype, double scale,
                       double shift, bool turned)
{
    calr_tensor *tensor = find(file, name);
    if (!CHECK(tensor && tensor->dtype == dtype && calr_tensor_numel(tensor) == 24))
        return;
    int wrong = 0;
    for (int64_t i = 0; i < 24; i++) {
        double value;
        int64_t a = i / 4 % 3, b = i % 4, at[] = {i / 12, turned ? b : a, turned ? a : b};
        wrong +=
            calr_tensor_get(tensor, at, &value) != CALR_OK || value != scale * (double)i + shift;
    }
    if (!CHECK(wrong == 0))
        fprintf(stderr, "    %s\n", name);
    calr_tensor_release(tensor);
}

static void check_vector(calr_pth *file, const char *name, int count, const double *expected)
{
    calr_tensor *tensor = find(file, name);
    if (!CHECK(tensor && calr_tensor_numel(tensor) == count))
        return;
    for (int64_t i = 0; i < count; i++) {
        double value;
        CHECK_OK(calr_tensor_get(tensor, tensor->ndim ? &i : NULL, &value));
        CHECK(value == expected[i]);
    }
    calr_tensor_release(tensor);
}

static void check_types(const char *path)
{
    calr_pth *file = NULL;
    CHECK_OK(calr_pth_load(path, &file));
    if (!file)
        return;
    check_ramp(file, "f32", CALR_F32, 1, -11.5, false);
    check_ramp(file, "f16", CALR_F16, 1, -11.5, false);
    check_ramp(file, "bf16", CALR_BF16, 1, -11.5, false);
    check_ramp(file, "f64", CALR_F64, 1, -11.5, false);
    check_ramp(file, "i8", CALR_I32, 1, -11, false);
    check_ramp(file, "i16", CALR_I32, 1000, -11000, false);
    check_ramp(file, "i32", CALR_I32, 100000, -1100000, false);
    check_ramp(file, "turned", CALR_F32, 1, -11.5, true);
    check_vector(file, "i64", 1, (double[]){-3});
    check_vector(file, "u8", 5, (double[]){0, 1, 2, 3, 4});
    check_vector(file, "bool", 3, (double[]){1, 0, 1});
    check_vector(file, "head", 4, (double[]){0, 1, 2, 3});
    check_vector(file, "tail", 6, (double[]){4, 5, 6, 7, 8, 9});
    check_vector(file, "empty", 0, NULL);
    check_vector(file, "parameter", 2, (double[]){1.5, -2.5});
    calr_pth_release(file);
}

/* Reads all that can be read of a file; whether it was read at all. */
static bool read_all(const void *data, size_t size)
{
    calr_pth *file;
    if (calr_pth_parse(data, size, "damaged.pth", &file) != CALR_OK)
        return false;
    const calr_pickle_value *root = calr_pth_root(file);
    for (int64_t i = 0; root->kind == CALR_PICKLE_DICT && i < root->count; i += 2) {
        calr_tensor *tensor;
        if (calr_pth_is_tensor(root->items[i + 1]) &&
            calr_pth_tensor(file, root->items[i + 1], &tensor) == CALR_OK)
            calr_tensor_release(tensor);
    }
    calr_pth_release(file);
    return true;
}

/* Every cut, and random bytes changed: an error or a result, never a crash (the sanitizers look). */
static void damage(const char *path, int changes)
{
    void *data;
    size_t size;
    int read = 0;
    calr_rng rng = calr_rng_make(7, calr_rng_purpose("test"), 0, 0);
    CHECK_OK(calr_file_read(path, &data, &size));
    CHECK(read_all(data, size));
    for (size_t cut = 0; cut < size; cut += size / 500 + 1)
        read += read_all(data, cut);
    CHECK_INT(read, 0);
    for (int i = 0; i < changes; i++) {
        unsigned char *copy = malloc(size);
        memcpy(copy, data, size);
        int count = 1 + (int)calr_rng_below(&rng, 4);
        for (int j = 0; j < count; j++)
            copy[calr_rng_below(&rng, (uint64_t)size)] = (unsigned char)calr_rng_below(&rng, 256);
        read_all(copy, size);
        free(copy);
    }
    free(data);
}

static calr_status read_text(const char *text, size_t size)
{
    calr_pickle *pickle = NULL;
    size_t used;
    calr_status status = calr_pickle_read(text, size, "x", &used, &pickle);
    calr_pickle_release(pickle);
    return status;
}

#define REFUSED(text, message) CHECK_FAILS(read_text(text, sizeof text - 1), CALR_EFORMAT, message)

static void hostile(void)
{
    REFUSED("", "is cut off");
    REFUSED("\x80\x02", "is cut off");
    REFUSED(".", "takes a value that is not there");
    REFUSED("\x80\x02t.", "takes a mark that is not there");
    REFUSED("\x80\x02}(K\1u.", "a key too many");
    REFUSED("\x80\x02K\1K\2a.", "holds no others");
    REFUSED("\x80\x02(K\1a.", "value that is not there");
    REFUSED("\x80\x02h\7.", "recalls a value that it never had");
    REFUSED("\x80\x02K\1r\xff\xff\xff\x7f.", "remembers more values");
    REFUSED("\x80\x02X\xff\xff\xff\xff.", "is cut off");
    REFUSED("\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "is cut off");
    REFUSED("\x80\x02(R.", "takes a value that is not there");
    REFUSED("I12\n.", "an operation that is not known");
    REFUSED("\x80\x02"
            "cos\nsystem",
            "is cut off");
    /* A call stays a name. */
    static const char text[] = "\x80\x02"
                               "cos\nsystem\nX\4\0\0\0true\x85R.";
    calr_pickle *pickle = NULL;
    size_t used = 0;
    CHECK_OK(calr_pickle_read(text, sizeof text - 1, "x", &used, &pickle));
    CHECK_INT(used, sizeof text - 1);
    const calr_pickle_value *root = calr_pickle_root(pickle);
    CHECK(root->kind == CALR_PICKLE_CALL && strcmp(root->items[0]->text, "os system") == 0);
    CHECK(!calr_pth_is_tensor(root));
    calr_pickle_release(pickle);
}

static void numbers(void)
{
    static const char text[] = "\x80\x02](K\xffM\xff\xffJ\xfe\xff\xff\xff\x8a\1\x80\x8a\2\0\1"
                               "\x8a\0G\xbf\xf8\0\0\0\0\0\0\x88Ne.";
    static const int64_t expected[] = {255, 65535, -2, -128, 256, 0};
    calr_pickle *pickle;
    size_t used;
    CHECK_OK(calr_pickle_read(text, sizeof text - 1, "x", &used, &pickle));
    const calr_pickle_value *list = calr_pickle_root(pickle);
    CHECK(list->kind == CALR_PICKLE_LIST && list->count == 9);
    for (int i = 0; i < 6; i++)
        CHECK_INT(list->items[i]->integer, expected[i]);
    CHECK(list->items[6]->kind == CALR_PICKLE_FLOAT && list->items[6]->number == -1.5);
    CHECK(list->items[7]->kind == CALR_PICKLE_BOOL && list->items[8]->kind == CALR_PICKLE_NONE);
    calr_pickle_release(pickle);
}

static void types(void)
{
    check_types(REFERENCE "archive.pth");
    check_types(REFERENCE "older.pth");
}

static void refused(void)
{
    calr_pth *file;
    CHECK_FAILS(calr_pth_load(REFERENCE "complex.pth", &file), CALR_EFORMAT, "ComplexFloatStorage");
    CHECK_FAILS(calr_pth_load(REFERENCE "none.pth", &file), CALR_ENOTFOUND, "none.pth");
    CHECK_FAILS(calr_pth_load(REFERENCE "make.py", &file), CALR_EFORMAT, "it looks like text");
    CHECK_FAILS(calr_pth_parse("", 0, "x.pth", &file), CALR_EFORMAT, "empty");
    CHECK_FAILS(calr_pth_parse("\x80\x02K\1.", 5, "x.pth", &file), CALR_EFORMAT,
                "torch.save did not write it");
}

static uint32_t crc32_of(const unsigned char *data, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static unsigned char *find_bytes(unsigned char *data, size_t size, const char *bytes, size_t count)
{
    for (size_t i = 0; i + count <= size; i++)
        if (memcmp(data + i, bytes, count) == 0)
            return data + i;
    return NULL;
}

/* The pickle says that the first storage has 255 elements, with a checksum that is right; the storage has 24. */
static void short_storage(void)
{
    void *bytes;
    size_t size;
    CHECK_OK(calr_file_read(REFERENCE "archive.pth", &bytes, &size));
    unsigned char *data = bytes, *count = find_bytes(data, size, "cpuq\7K\x18", 7);
    unsigned char *entry = find_bytes(data, size, "PK\1\2", 4); /* of data.pkl, which comes first */
    if (!CHECK(count && entry))
        return;
    count[6] = 255;
    size_t start = 30u + data[26] + data[28], pickle_size;
    pickle_size = entry[24] | (size_t)entry[25] << 8;
    uint32_t crc = crc32_of(data + start, pickle_size);
    for (int i = 0; i < 4; i++)
        entry[16 + i] = (unsigned char)(crc >> 8 * i);
    calr_pth *file = NULL;
    CHECK_OK(calr_pth_parse(data, size, "short.pth", &file));
    const calr_pickle_value *value = file ? calr_pickle_get(calr_pth_root(file), "f32") : NULL;
    calr_tensor *tensor;
    if (CHECK(value != NULL))
        for (int i = 0; i < 2; i++) /* asked for again, it is refused again */
            CHECK_FAILS(calr_pth_tensor(file, value, &tensor), CALR_EFORMAT, "is shorter");
    calr_pth_release(file);
    free(bytes);
}

static void damaged(void)
{
    damage(REFERENCE "archive.pth", 3000);
    damage(REFERENCE "older.pth", 3000);
}

int main(void)
{
    RUN(types);
    RUN(hostile);
    RUN(numbers);
    RUN(refused);
    RUN(short_storage);
    RUN(damaged);
    return check_finish();
}
