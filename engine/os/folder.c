#include "os/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool calr_folder_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

calr_status calr_folder_check_writable(const char *path)
{
    if (access(path, W_OK | X_OK) != 0)
        return calr_error_system(errno, "cannot write in the folder %s", path);
    return CALR_OK;
}

calr_status calr_folder_make(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return calr_error(CALR_ENOMEM, "no memory to make %s", path);
    calr_status status = CALR_OK;
    for (char *p = copy + 1; status == CALR_OK && copy[0]; p++) {
        char here = *p;
        if (here != '/' && here != 0)
            continue;
        *p = 0;
        if (mkdir(copy, 0777) != 0 && !(errno == EEXIST && calr_folder_exists(copy)))
            status = calr_error_system(errno, "cannot make the folder %s", copy);
        *p = here;
        if (here == 0)
            break;
    }
    free(copy);
    return status;
}

/* ---- listing ---- */

void calr_folder_names_release(calr_folder_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
    *names = (calr_folder_names){0};
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_name(calr_folder_names *names, size_t *room, const char *name)
{
    if (names->count == *room) {
        size_t more = *room ? 2 * *room : 64;
        char **larger = realloc(names->name, more * sizeof *larger);
        if (!larger)
            return false;
        names->name = larger;
        *room = more;
    }
    char *copy = strdup(name);
    if (copy)
        names->name[names->count++] = copy;
    return copy != NULL;
}

calr_status calr_folder_list(const char *path, calr_folder_names *out)
{
    DIR *stream = opendir(path);
    if (!stream)
        return calr_error_system(errno, "cannot list the folder %s", path);
    calr_status status = CALR_OK;
    size_t room = 0;
    *out = (calr_folder_names){0};
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (!entry && errno != 0)
            status = calr_error_system(errno, "cannot list the folder %s", path);
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!add_name(out, &room, entry->d_name)) {
            status = calr_error(CALR_ENOMEM, "no memory to list the folder %s", path);
            break;
        }
    }
    closedir(stream);
    if (status != CALR_OK)
        calr_folder_names_release(out);
    else if (out->count > 1)
        qsort(out->name, out->count, sizeof *out->name, by_bytes);
    return status;
}

/* ---- names ---- */

calr_status calr_folder_sync(const char *path)
{
    char *folder = strdup(path);
    if (!folder)
        return calr_error(CALR_ENOMEM, "no memory to sync %s", path);
    if (!calr_folder_exists(folder)) {
        char *slash = strrchr(folder, '/');
        if (!slash)
            strcpy(folder, folder[0] ? "." : "");
        else
            slash[slash == folder] = 0; /* keeps the "/" of "/name" */
    }
    calr_status status = CALR_OK;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        status = calr_error_system(errno, "cannot open the folder %s", folder);
    else if (fsync(fd) != 0 && errno != EINVAL &&
             errno != ENOTSUP) /* some file systems have no such call */
        status = calr_error_system(errno, "cannot sync the folder %s", folder);
    if (fd >= 0)
        close(fd);
    free(folder);
    return status;
}

calr_status calr_folder_rename(const char *from, const char *to)
{
    if (rename(from, to) != 0)
        return calr_error_system(errno, "cannot rename %s to %s", from, to);
    return calr_folder_sync(to);
}

calr_status calr_folder_remove(const char *path)
{
    return remove(path) == 0 ? CALR_OK : calr_error_system(errno, "cannot remove %s", path);
}

bool calr_path_is_link(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

int64_t calr_path_user(void)
{
    return geteuid();
}

calr_status calr_path_look(const char *path, calr_path_info *out)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return errno == ENOTDIR ? calr_error(CALR_ENOTFOUND, "there is no %s", path)
                                : calr_error_system(errno, "cannot look at %s", path);
    *out = (calr_path_info){
        .kind = S_ISREG(info.st_mode)   ? CALR_PATH_FILE
                : S_ISDIR(info.st_mode) ? CALR_PATH_FOLDER
                                        : CALR_PATH_OTHER,
        .size = info.st_size,
        .owner = info.st_uid,
        .changed = (double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec,
    };
    return CALR_OK;
}

calr_status calr_path_absolute(const char *path, char **out)
{
    char *real = realpath(path, NULL);
    if (!real)
        return calr_error_system(errno, "cannot find %s", path);
    *out = real;
    return CALR_OK;
}

calr_status calr_folder_current(char **out)
{
    char *path = getcwd(NULL, 0);
    if (!path)
        return calr_error_system(errno, "cannot find the path of the current folder");
    *out = path;
    return CALR_OK;
}

calr_status calr_folder_change(const char *path)
{
    if (chdir(path) != 0)
        return calr_error_system(errno, "cannot change to the folder %s", path);
    return CALR_OK;
}
