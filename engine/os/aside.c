#include "os/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "os/descriptor.h"
#include "os/folder.h"

static calr_status no_memory(const char *path)
{
    return calr_error(CALR_ENOMEM, "no memory to write %s", path);
}

calr_status calr_aside_name(const char *path, char **out)
{
    return asprintf(out, "%s.tmp-%ld", path, (long)getpid()) < 0 ? no_memory(path) : CALR_OK;
}

calr_status calr_aside_unique(const char *path, char **out)
{
    static atomic_uint_fast64_t counter;
    static _Thread_local uint64_t salt;
    if (salt == 0 && getrandom(&salt, sizeof salt, 0) != sizeof salt)
        salt = (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
    int length =
        asprintf(out, "%s.tmp-%" PRIx64 "%" PRIxFAST64, path, salt, atomic_fetch_add(&counter, 1));
    return length < 0 ? no_memory(path) : CALR_OK;
}

calr_status calr_aside_publish(const char *aside, const char *path)
{
    return calr_folder_rename(aside, path);
}

/* Whether `entry` is `name`.tmp-PID. */
static bool is_aside(const char *entry, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(entry, name, length) != 0 || strncmp(entry + length, ".tmp-", 5) != 0)
        return false;
    const char *pid = entry + length + 5;
    return pid[0] && strspn(pid, "0123456789") == strlen(pid);
}

static void remove_unlocked(const char *folder, const char *entry)
{
    char *stale;
    if (asprintf(&stale, "%s/%s", folder, entry) < 0)
        return;
    int fd = open(stale, O_RDWR | O_CLOEXEC);
    if (fd >= 0 && calr_descriptor_lock(fd) == 0)
        unlink(stale);
    if (fd >= 0)
        close(fd);
    free(stale);
}

void calr_aside_remove_stale(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = !slash          ? strdup(".")
                   : slash == path ? strdup("/")
                                   : strndup(path, (size_t)(slash - path));
    calr_folder_names names = {0};
    if (folder && calr_folder_list(folder, &names) == CALR_OK) {
        for (size_t i = 0; i < names.count; i++)
            if (is_aside(names.name[i], name))
                remove_unlocked(folder, names.name[i]);
    }
    calr_folder_names_release(&names);
    free(folder);
}
