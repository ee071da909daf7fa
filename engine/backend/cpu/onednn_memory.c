/* When `operator new` inside oneDNN fails, or posix_memalign, which it calls for other objects (host/allocation.c). C++
 * asks a handler before it throws std::bad_alloc, and tries again when the handler returns. Ours gives back a part of a
 * reserve each time; when nothing is left it says so and ends the program, as the exception would, which no C
 * can catch.
 *
 * oneDNN allocates from its initialisers too, which the dynamic loader runs before main. The program therefore installs
 * the handler before them (host/main.c). As a guest of another Lua the engine leaves the process's handler alone. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/cpu/onednn.h"

/* oneDNN's objects take some hundred bytes each; generated code and maps go elsewhere. */
#define PARTS 4
#define PART  ((size_t)2 << 20)

static _Atomic(void *) reserve[PARTS];

/* std::set_new_handler. Weak: where nothing brings C++'s library along (a oneDNN linked statically, without it), there
 * is no handler, and nothing else changes. */
typedef void (*new_handler)(void);
__attribute__((weak)) new_handler _ZSt15set_new_handlerPFvvE(new_handler handler);

static void on_no_memory(void)
{
    static const char text[] =
        "calr: out of memory inside oneDNN: use smaller batches or images, or give calr "
        "more memory\n";
    for (int i = 0; i < PARTS; i++) {
        void *part = atomic_exchange(&reserve[i], NULL);
        if (part) {
            munmap(part, PART);
            return;
        }
    }
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written; /* there is nobody else to tell */
    _exit(1);
}

static void *map(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return block == MAP_FAILED ? NULL : block;
}

static bool fill_reserve(void)
{
    for (int i = 0; i < PARTS; i++) {
        if (atomic_load(&reserve[i]))
            continue;
        void *part = map(PART);
        if (!part)
            return false;
        void *none = NULL;
        if (!atomic_compare_exchange_strong(&reserve[i], &none, part))
            munmap(part, PART);
    }
    return true;
}

static bool has_room(size_t size)
{
    void *block = map(size);
    if (block)
        munmap(block, size);
    return block != NULL;
}

calr_status calr_onednn_reserve(size_t room)
{
    if (fill_reserve() && (room == 0 || has_room(room)))
        return CALR_OK;
    return calr_error(CALR_ENOMEM, "no memory for oneDNN");
}

bool calr_onednn_frees_memory(const void *caller)
{
    Dl_info info;
    if (!dladdr(caller, &info) || !info.dli_fname)
        return false;
    const char *name = strrchr(info.dli_fname, '/');
    if (!strstr(name ? name : info.dli_fname, "dnnl"))
        return false;
    on_no_memory();
    return true;
}

void calr_onednn_catch_no_memory(void)
{
    if (_ZSt15set_new_handlerPFvvE) {
        fill_reserve();
        _ZSt15set_new_handlerPFvvE(on_no_memory);
    }
}
