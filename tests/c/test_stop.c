/* Stopping: every long call of the engine ends soon after a stop was asked for, with CALR_EINTERRUPTED and nothing
 * handed out. Each call here would take a second or more on one thread; the request comes 10 ms after it began.
 * Times are those of the processor, which other work on the machine does not lengthen, and there are two: until the
 * call sees the request (the linker puts a function of this file before calr_interrupt_requested and
 * calr_interrupt_check), and until it has also given back its memory and ended.
 * By hand: `test_stop MS ...` prints both for calls that are asked after so many milliseconds. */
#include "check.h"
#include "cluster_case.h"
#include "picture.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/sort.h"
#include "cluster/components.h"
#include "cluster/davies_bouldin.h"
#include "cluster/dbscan.h"
#include "cluster/hdbscan.h"
#include "cluster/infomap/infomap.h"
#include "cluster/infomap/tree.h"
#include "cluster/leiden.h"
#include "cluster/linkage.h"
#include "cluster/match.h"
#include "cluster/quality.h"
#include "cluster/silhouette.h"
#include "files/npy.h"
#include "files/safetensors.h"
#include "loader/loader.h"
#include "neighbours/camera_jaccard.h"
#include "neighbours/graph.h"
#include "neighbours/ivf.h"
#include "neighbours/jaccard.h"
#include "neighbours/kmeans.h"
#include "neighbours/knn.h"
#include "neighbours/pairwise.h"
#include "neighbours/reach.h"
#include "os/file.h"
#include "rank/expand.h"
#include "rank/rank.h"
#include "rank/rerank.h"
#include "store/store.h"
#include "store/writer.h"

enum {
    AFTER_MS = 10,
    LATER_MS = 700,
    MOST_MS = 1000, /* on the clock: a machine full of other work is given time */
#ifdef __SANITIZE_ADDRESS__
    MOST_CPU_MS = 1000
#else
    MOST_CPU_MS = 200
#endif
};
enum { N = 12000, D = 256, IDS = 600, M = 6000 };

static double delay = AFTER_MS, worst;
static double asked, asked_cpu; /* when the request came: by the clock, and the processor's time */
static double seen_cpu;         /* when it was first seen; 0: not yet */
static bool by_hand;

static double read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double now_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static double cpu_ms(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static void on_alarm(int number)
{
    (void)number;
    asked = now_ms();
    asked_cpu = cpu_ms();
    calr_interrupt_request(SIGINT);
}

int __real_calr_interrupt_requested(void);
calr_status __real_calr_interrupt_check(void);
int __wrap_calr_interrupt_requested(void);
calr_status __wrap_calr_interrupt_check(void);

static void note_seen(void)
{
    if (seen_cpu == 0)
        seen_cpu = cpu_ms();
}

int __wrap_calr_interrupt_requested(void)
{
    int number = __real_calr_interrupt_requested();
    if (number)
        note_seen();
    return number;
}

calr_status __wrap_calr_interrupt_check(void)
{
    calr_status status = __real_calr_interrupt_check();
    if (status != CALR_OK)
        note_seen();
    return status;
}

static void ask_after(double ms)
{
    struct itimerval timer = {.it_value = {(time_t)(ms / 1e3), (suseconds_t)(ms * 1e3) % 1000000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* Runs a call that is asked to stop while it runs. */
#define STOPS(what, call)                                                                          \
    do {                                                                                           \
        double began = now_ms();                                                                   \
        seen_cpu = 0;                                                                              \
        ask_after(delay);                                                                          \
        calr_status status = (call);                                                               \
        times t = {now_ms() - began, now_ms() - asked, seen_cpu - asked_cpu,                       \
                   cpu_ms() - asked_cpu};                                                          \
        ask_after(0);                                                                              \
        calr_interrupt_clear();                                                                    \
        report(what, status, &t, __LINE__);                                                        \
    } while (0)

/* The same for a later stage of a long call. */
#define STOPS_LATER(what, call)                                                                    \
    do {                                                                                           \
        double before = delay;                                                                     \
        delay = by_hand ? delay : LATER_MS;                                                        \
        STOPS(what, call);                                                                         \
        delay = before;                                                                            \
    } while (0)

/* Milliseconds: of the whole call; from the request to the end; and by the processor's time from the
 * request until it was seen, and to the end. */
typedef struct times {
    double took, late, seen, late_cpu;
} times;

static void report(const char *what, calr_status status, const times *t, int line)
{
    bool stopped = status == CALR_EINTERRUPTED;
    if (stopped && t->late_cpu > worst)
        worst = t->late_cpu;
    if (stopped)
        printf("     %-28s saw it after %6.1f ms, ended after %6.1f ms\n", what, t->seen,
               t->late_cpu);
    else
        printf("     %-28s ended of itself in %.0f ms: %s\n", what, t->took,
               calr_status_name(status));
    if (by_hand)
        return;
    check_report(stopped, __FILE__, line, what);
    check_report(!stopped || t->late < MOST_MS, __FILE__, line, "ends within a second");
    check_report(!stopped || t->late_cpu < MOST_CPU_MS, __FILE__, line,
                 "ends within 200 ms of the processor's time");
}

/* ---- what the calls are about ---- */

static float *x, *unit, *square;
static int32_t *labels, *other, *cameras, *indices;
static int64_t *ids;
static float *values;
static calr_csr *graph, *jaccard;

static void make_inputs(void)
{
    x = random_rows(1, N, D, IDS, 0.7);
    unit = malloc(sizeof *unit * N * D);
    labels = malloc(sizeof *labels * N);
    other = malloc(sizeof *other * N);
    cameras = malloc(sizeof *cameras * N);
    ids = malloc(sizeof *ids * N);
    indices = malloc(sizeof *indices * N * 64);
    values = malloc(sizeof *values * N * 64);
    for (int64_t i = 0; i < N; i++) {
        double sum = 0;
        for (int64_t c = 0; c < D; c++)
            sum += (double)x[i * D + c] * x[i * D + c];
        for (int64_t c = 0; c < D; c++)
            unit[i * D + c] = (float)(x[i * D + c] / sqrt(sum));
        labels[i] = (int32_t)(i % IDS);
        cameras[i] = (int32_t)(i % 6);
        ids[i] = i % IDS;
    }
    CHECK_OK(calr_knn(x, N, NULL, 0, D, 30, CALR_COSINE, false, indices, values));
    CHECK_OK(calr_infomap_graph(N, 30, indices, values, -1, &graph, NULL));
    calr_jaccard_options options = {.k1 = 30, .k2 = 6};
    CHECK_OK(calr_jaccard(x, M, D, &options, &jaccard));
    square = malloc(sizeof *square * M * M);
    CHECK_OK(calr_pairwise_all(x, M, D, CALR_EUCLIDEAN, square));
}

static void free_inputs(void)
{
    free(x);
    free(unit);
    free(square);
    free(labels);
    free(other);
    free(cameras);
    free(ids);
    free(indices);
    free(values);
    calr_csr_release(graph);
    calr_csr_release(jaccard);
}

/* ---- the calls ---- */

static void test_neighbours(void)
{
    STOPS("knn, cosine", calr_knn(x, N, NULL, 0, D, 30, CALR_COSINE, true, indices, values));
    STOPS("knn, euclidean", calr_knn(x, N, NULL, 0, D, 30, CALR_EUCLIDEAN, true, indices, values));
    STOPS("knn, the farthest", calr_knn_farthest(x, N, D, indices, values));
    float *all = malloc(sizeof *all * N * N);
    STOPS("pairwise", calr_pairwise_all(x, N, D, CALR_EUCLIDEAN, all));
    free(all);
}

static void test_jaccard(void)
{
    calr_csr *out = NULL;
    calr_jaccard_options options = {.k1 = 30, .k2 = 6};
    STOPS("jaccard", calr_jaccard(x, N, D, &options, &out));
    options = (calr_jaccard_options){.k1 = 300, .k2 = 100, .within = 0.6f};
    STOPS("jaccard, wide", calr_jaccard(x, M, 8, &options, &out));
    calr_camera_jaccard_options camera = {5, 20, 2, 4};
    STOPS("camera jaccard", calr_camera_jaccard(x, cameras, N, D, &camera, &out));
    CHECK(!out);
}

static void test_ivf(void)
{
    calr_ivf_options options = {.metric = CALR_COSINE, .lists = 1200, .sample = N};
    calr_ivf *ivf = NULL;
    STOPS("ivf, made", calr_ivf_new(x, N, D, &options, &ivf));
    CHECK(!ivf);
    options.lists = 60;
    CHECK_OK(calr_ivf_new(x, N, D, &options, &ivf));
    calr_ivf_query query = {.k = 30, .include_self = true};
    calr_ivf_sample sample = {.count = N};
    double recall;
    int64_t probes;
    STOPS("ivf, search", calr_ivf_search(ivf, &query, 40, indices, values));
    STOPS("ivf, recall", calr_ivf_recall(ivf, &query, 40, &sample, &recall));
    STOPS("ivf, probes", calr_ivf_choose_probes(ivf, &query, 0.99, &sample, &probes, &recall));
    calr_ivf_free(ivf);
}

static void test_graph_index(void)
{
    calr_graph_options options = {.metric = CALR_COSINE, .effort = 400};
    calr_graph *near = NULL;
    STOPS("graph, made", calr_graph_new(x, N, D, &options, &near));
    CHECK(!near);
    options.effort = 16;
    CHECK_OK(calr_graph_new(x, N, D, &options, &near));
    calr_ivf_query query = {.k = 30, .include_self = true};
    calr_ivf_sample sample = {.count = N};
    double recall;
    int64_t effort;
    STOPS("graph, search", calr_graph_search(near, &query, 400, indices, values));
    STOPS("graph, recall", calr_graph_recall(near, &query, 400, &sample, &recall));
    STOPS("graph, effort",
          calr_graph_choose_effort(near, &query, 0.999, &sample, &effort, &recall));
    calr_graph_free(near);
}

static void test_kmeans(void)
{
    calr_kmeans_options options = {.clusters = IDS, .iterations = 300};
    STOPS("k-means", calr_kmeans(x, N, D, &options, other, NULL, NULL, NULL));
    options.batch = 1000;
    STOPS("k-means, batches", calr_kmeans(x, N, D, &options, other, NULL, NULL, NULL));
}

static void test_density(void)
{
    calr_hdbscan_options options = {.min_cluster_size = 4, .min_samples = 4};
    calr_distance dense = calr_distance_of_dense(square, M);
    for (int64_t i = 0; i < (int64_t)M * M; i++) /* everything is near: the worst case of DBSCAN */
        square[i] = i % (M + 1) == 0 ? 0 : 1;
    int64_t clusters;
    STOPS("dbscan", calr_dbscan(&dense, 2, 4, other, &clusters));
    STOPS("hdbscan", calr_hdbscan(&dense, &options, other, NULL, NULL, NULL));
    STOPS("hdbscan of features",
          calr_hdbscan_features(x, N, D, CALR_EUCLIDEAN, &options, other, NULL, NULL, NULL));
    STOPS_LATER("hdbscan of features, later",
                calr_hdbscan_features(x, N, D, CALR_EUCLIDEAN, &options, other, NULL, NULL, NULL));
    calr_interrupt_request(SIGINT); /* too short to be met on its way */
    CHECK_FAILS(calr_components_of_distance(&dense, 2, 1, other, &clusters), CALR_EINTERRUPTED, "");
    CHECK_FAILS(calr_components(graph, true, 1, other, &clusters), CALR_EINTERRUPTED, "");
    calr_interrupt_clear();
    STOPS("a distance checked", calr_distance_check(&dense));
}

static void test_graphs(void)
{
    calr_leiden_options leiden = {.resolution = 1, .trials = 100};
    STOPS("leiden", calr_leiden(graph, &leiden, other, NULL, NULL));
    calr_infomap_options infomap = {.directed = true, .teleportation = 0.15, .trials = 100};
    calr_infomap_result result;
    STOPS("infomap", calr_infomap(graph, &infomap, other, &result));
    calr_infomap_tree *tree = NULL;
    STOPS("infomap, a tree", calr_infomap_tree_new(graph, &infomap, &tree));
    infomap.trials = 1;
    STOPS("infomap, one trial", calr_infomap(graph, &infomap, other, &result));
    CHECK(!tree);
}

static void test_linkage(void)
{
    calr_merge *merges = malloc(sizeof *merges * N);
    STOPS("linkage, single",
          calr_linkage_features(x, N, D, CALR_EUCLIDEAN, CALR_LINKAGE_SINGLE, merges));
    STOPS("linkage, ward",
          calr_linkage_features(x, N, D, CALR_EUCLIDEAN, CALR_LINKAGE_WARD, merges));
    STOPS_LATER("linkage, ward, later",
                calr_linkage_features(x, N, D, CALR_EUCLIDEAN, CALR_LINKAGE_WARD, merges));
    calr_distance dense = calr_distance_of_dense(square, M);
    STOPS("linkage, a matrix", calr_linkage(&dense, CALR_LINKAGE_AVERAGE, merges));
    free(merges);
}

static void test_judging(void)
{
    double mean;
    calr_silhouette_options all = {0};
    STOPS("silhouette", calr_silhouette_features(x, N, D, CALR_COSINE, labels, &all, NULL, &mean));
    for (int64_t i = 0; i < N; i++)
        other[i] = (int32_t)(i / 2); /* pairs: there are as many clusters as can be */
    STOPS("silhouette, simplified", calr_silhouette_simplified(x, N, D, other, NULL, &mean));
    STOPS("davies-bouldin", calr_davies_bouldin(x, N, D, other, &mean));
}

/* Labels of a million things, of which the partition is a hard one. */
static void test_labels(void)
{
    enum { MANY = 1000000 };
    int32_t *a = malloc(sizeof *a * MANY), *b = malloc(sizeof *b * MANY);
    int64_t *truth = malloc(sizeof *truth * MANY), agreed;
    calr_rng rng = calr_rng_make(1, calr_rng_purpose("labels"), 0, 0);
    for (int64_t i = 0; i < MANY; i++) {
        double u = calr_rng_double(&rng), v = calr_rng_double(&rng);
        a[i] = (int32_t)(u * u * u * 4000);
        b[i] = (int32_t)(v * v * v * 4000);
        truth[i] = b[i];
    }
    calr_quality *quality = NULL;
    STOPS("quality", calr_quality_new(MANY, truth, a, CALR_OUTLIERS_SINGLETONS, &quality));
    CHECK(!quality);
    double ami;
    CHECK_OK(calr_quality_new(MANY, truth, a, CALR_OUTLIERS_SINGLETONS, &quality));
    STOPS("quality, ami", calr_quality_ami(quality, &ami));
    calr_quality_release(quality);
    int32_t *partner = malloc(sizeof *partner * MANY);
    STOPS("matching", calr_labels_match(a, b, MANY, partner, &agreed));
    free(partner);
    free(a);
    free(b);
    free(truth);
}

static void test_ranking(void)
{
    calr_rank_set set = {N, unit, ids, NULL}, plain = {N, unit, NULL, NULL};
    float *out = malloc(sizeof *out * N * D);
    double shares[10];
    calr_rank_options options = {.max_rank = 10};
    calr_rank_result result = {.cmc = shares};
    calr_rerank_options rerank = {20, 6, 0.3};
    calr_rerank *made = NULL;
    STOPS("ranking", calr_rank_evaluate(&set, &set, D, &options, &result));
    options.repeats = 1000;
    STOPS("ranking, single-shot", calr_rank_evaluate(&set, &set, D, &options, &result));
    STOPS("the first 50",
          calr_rank_topk(&plain, &plain, D, 50, CALR_RULE_JUNK, NULL, indices, NULL));
    STOPS("the first 50 of others",
          calr_rank_topk(&set, &set, D, 50, CALR_RULE_OWN, NULL, indices, NULL));
    STOPS("query expansion", calr_rank_expand(&plain, &plain, D, 10, 3, out));
    STOPS("re-ranking", calr_rerank_new(&plain, &plain, D, &rerank, &made));
    CHECK(!made);
    free(out);
}

/* ---- files ---- */

static calr_status slow_check(void *context, const void *bytes, size_t size, int worker,
                              const char **note)
{
    *note = NULL;
    (void)context, (void)bytes, (void)size, (void)worker;
    usleep(5000);
    return CALR_OK;
}

static void test_store(void)
{
    enum { FILES = 400 };
    char path[] = "calr-stop-XXXXXX", image[64], stored[64];
    CHECK(mkdtemp(path));
    snprintf(image, sizeof image, "%s/image", path);
    snprintf(stored, sizeof stored, "%s/store.lmdb", path);
    CHECK_OK(calr_file_write(image, "1234", 4));
    calr_store_source *sources = calloc(FILES, sizeof *sources);
    for (int i = 0; i < FILES; i++)
        sources[i] = (calr_store_source){image, {"a.jpg", 1, 1, CALR_SPLIT_TRAIN}};
    char *bad[FILES];
    calr_store_writer *writer;
    CHECK_OK(calr_store_writer_new(stored, "test", "test", &writer));
    STOPS("import", calr_store_writer_import(writer, sources, FILES, slow_check, NULL, bad, NULL));
    calr_store_writer_abort(writer);
    CHECK(!calr_file_exists(stored));
    CHECK_OK(calr_store_writer_new(stored, "test", "test", &writer));
    CHECK_OK(calr_store_writer_import(writer, sources, FILES, NULL, NULL, bad, NULL));
    CHECK_OK(calr_store_writer_commit(writer));
    calr_store *store;
    CHECK_OK(calr_store_open(stored, &store));
    calr_interrupt_request(SIGINT); /* reading 400 images takes no time worth asking in */
    CHECK_FAILS(calr_store_verify(store), CALR_EINTERRUPTED, "interrupted");
    calr_interrupt_clear();
    CHECK_OK(calr_store_verify(store));
    calr_store_release(store);
    free(sources);
    remove(image);
    remove(stored);
    remove(path);
}

static void *jpeg;
static size_t jpeg_size;

static calr_status slow_fetch(void *context, void *reader, int64_t record, const void **bytes,
                              size_t *size)
{
    (void)context, (void)reader, (void)record;
    usleep(5000);
    *bytes = jpeg;
    *size = jpeg_size;
    return CALR_OK;
}

static void test_loader(void)
{
    enum { IMAGES = 600 };
    int64_t order[IMAGES] = {0}, first;
    jpeg = picture_file("rgb420.jpg", &jpeg_size);
    if (!CHECK(jpeg))
        return;
    for (int workers = 0; workers <= 2; workers += 2) {
        calr_loader_source source = {.count = 1, .fetch = slow_fetch};
        calr_loader_options options = calr_loader_options_default(24, 12);
        options.batch = IMAGES;
        options.workers = workers;
        calr_loader *loader;
        calr_tensor *images = NULL;
        CHECK_OK(calr_loader_new(&source, order, IMAGES, &options, &loader));
        STOPS(workers ? "loader, 2 workers" : "loader", calr_loader_next(loader, &images, &first));
        CHECK(!images);
        calr_loader_release(loader);
    }
    free(jpeg);
}

/* An array of many halves, which have to be converted one by one. */
static void test_arrays(void)
{
    enum { COUNT = 48 << 20, HEADER = 128 };
    char *text = calloc(1, HEADER + 2 * (size_t)COUNT);
    memcpy(text, "\x93NUMPY\x01\x00\x76\x00", 10);
    memset(text + 10, ' ', HEADER - 10);
    int used =
        sprintf(text + 10, "{'descr': '<f2', 'fortran_order': False, 'shape': (%d,), }", COUNT);
    text[10 + used] = ' ';
    calr_tensor *tensor = NULL;
    STOPS("an .npy file", calr_npy_parse(text, HEADER + 2 * (size_t)COUNT, "test", &tensor));
    memset(text + 10, ' ', HEADER - 10);
    used = sprintf(text + 10, "{'descr': '<f2', 'fortran_order': True, 'shape': (%d, 64), }",
                   COUNT / 64);
    text[10 + used] = ' ';
    STOPS("an .npy file of Fortran",
          calr_npy_parse(text, HEADER + 2 * (size_t)COUNT, "test", &tensor));
    CHECK(!tensor);
    memset(text, 0, HEADER);
    memset(text + 8, ' ', HEADER - 8);
    used = sprintf(text + 8, "{\"a\":{\"dtype\":\"F16\",\"shape\":[%d],\"data_offsets\":[0,%d]}}",
                   COUNT, 2 * COUNT);
    text[8 + used] = ' ';
    text[0] = HEADER - 8;
    calr_safetensors *file = NULL;
    STOPS("a safetensors file",
          calr_safetensors_parse(text, HEADER + 2 * (size_t)COUNT, "test", &file));
    CHECK(!file);
    free(text);
}

static void test_file(void)
{
    char path[] = "calr-stop-XXXXXX";
    int fd = mkstemp(path);
    void *data = NULL;
    size_t size;
    CHECK(fd >= 0 && ftruncate(fd, (off_t)1 << 30) == 0); /* a hole: it takes no room on the disk */
    STOPS("a file", calr_file_read(path, &data, &size));
    CHECK(!data);
    close(fd);
    remove(path);
}

/* ---- the pieces ---- */

enum { CHUNKS = 1000 };
static int done[CHUNKS];
static int64_t stop_at;

static void note_chunk(void *context, int64_t begin, int64_t end, int worker)
{
    (void)context, (void)worker;
    for (int64_t i = begin; i < end; i++)
        done[i]++;
    if (begin == stop_at)
        calr_interrupt_request(SIGTERM);
}

static int count_done(void)
{
    int count = 0;
    for (int i = 0; i < CHUNKS; i++) {
        count += done[i] == 1;
        done[i] = 0;
    }
    return count;
}

static void test_loop(void)
{
    for (int threads = 1; threads <= 4; threads += 3) {
        CHECK_OK(calr_parallel_set_threads(threads));
        stop_at = -1;
        CHECK_OK(calr_parallel_try(CHUNKS, 1, note_chunk, NULL));
        CHECK_INT(count_done(), CHUNKS);
        stop_at = 0;
        CHECK_FAILS(calr_parallel_try(CHUNKS, 1, note_chunk, NULL), CALR_EINTERRUPTED,
                    "interrupted");
        CHECK_INT(calr_interrupt_requested(), SIGTERM);
        int count = count_done();
        CHECK(count >= 1 && count < CHUNKS);
        calr_parallel_for(CHUNKS, 1, note_chunk, NULL); /* cannot fail */
        CHECK_INT(count_done(), CHUNKS);
        calr_interrupt_clear();
        CHECK_OK(calr_parallel_try(0, 1, note_chunk, NULL));
    }
    CHECK_OK(calr_parallel_set_threads(1));
}

static int ascending(const void *a, const void *b)
{
    int64_t p = *(const int64_t *)a, q = *(const int64_t *)b;
    return (p > q) - (p < q);
}

static void test_sort(void)
{
    enum { MOST = 3000000 };
    static const int64_t counts[] = {0, 1, 2, 65535, 65536, 65537, 200000, 1000003};
    int64_t *items = malloc(sizeof *items * MOST);
    calr_rng rng = calr_rng_make(1, calr_rng_purpose("sort"), 0, 0);
    for (int c = 0; c < 8; c++) {
        uint64_t sum = 0;
        int64_t wrong = 0;
        for (int64_t i = 0; i < counts[c]; i++) {
            items[i] = (int64_t)calr_rng_below(&rng, 100000);
            sum += (uint64_t)items[i] * (uint64_t)items[i];
        }
        CHECK_OK(calr_sort(items, counts[c], sizeof *items, ascending));
        for (int64_t i = 0; i < counts[c]; i++) {
            wrong += i > 0 && items[i] < items[i - 1];
            sum -= (uint64_t)items[i] * (uint64_t)items[i];
        }
        CHECK(wrong == 0 && sum == 0);
    }
    for (int64_t i = 0; i < MOST; i++)
        items[i] = (int64_t)calr_rng_below(&rng, 1000000);
    STOPS("sorting", calr_sort(items, MOST, sizeof *items, ascending));
    free(items);
}

static void run_all(void)
{
    RUN(test_sort);
    RUN(test_neighbours);
    RUN(test_jaccard);
    RUN(test_ivf);
    RUN(test_graph_index);
    RUN(test_kmeans);
    RUN(test_density);
    RUN(test_graphs);
    RUN(test_linkage);
    RUN(test_judging);
    RUN(test_labels);
    RUN(test_ranking);
    RUN(test_store);
    RUN(test_loader);
    RUN(test_arrays);
    RUN(test_file);
}

int main(int argc, char **argv)
{
    signal(SIGALRM, on_alarm);
    RUN(test_loop);
    make_inputs();
    for (int i = 1; i < argc; i++) {
        by_hand = true;
        delay = strtod(argv[i], NULL);
        printf("asked after %g ms\n", delay);
        run_all();
    }
    if (argc == 1)
        run_all();
    free_inputs();
    printf("the last to end took %.0f ms of the processor\n", worst);
    return check_finish();
}
