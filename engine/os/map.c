#include "os/map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct calr_map {
    _Atomic int64_t refs;
    void *data;
    size_t size;
};

static calr_status map_open(int fd, const char *path, calr_map *map)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return calr_error_system(errno, "cannot read %s", path);
    if (!S_ISREG(info.st_mode))
        return calr_error(CALR_EIO, "cannot read %s: it is no file", path);
    map->size = (size_t)info.st_size;
    if (map->size == 0)
        return CALR_OK;
    void *data = mmap(NULL, map->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
    if (data == MAP_FAILED)
        return calr_error_system(errno, "cannot read %s", path);
    map->data = data;
    return CALR_OK;
}

calr_status calr_map_open(const char *path, calr_map **out)
{
    calr_map *map = calloc(1, sizeof *map);
    if (!map)
        return calr_error(CALR_ENOMEM, "no memory to read %s", path);
    map->refs = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    calr_status status =
        fd < 0 ? calr_error_system(errno, "cannot open %s", path) : map_open(fd, path, map);
    if (fd >= 0)
        close(fd);
    if (status == CALR_OK)
        *out = map;
    else
        free(map);
    return status;
}

void *calr_map_data(const calr_map *map)
{
    return map->data;
}

size_t calr_map_size(const calr_map *map)
{
    return map->size;
}

calr_map *calr_map_retain(calr_map *map)
{
    atomic_fetch_add(&map->refs, 1);
    return map;
}

void calr_map_release(void *context)
{
    calr_map *map = context;
    if (!map || atomic_fetch_sub(&map->refs, 1) > 1)
        return;
    if (map->data)
        munmap(map->data, map->size);
    free(map);
}
