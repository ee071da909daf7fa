/* Folders, and names in them. */
#ifndef CALR_OS_FOLDER_H
#define CALR_OS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Creates a folder and its parents; an existing one is fine. */
calr_status calr_folder_make(const char *path);
bool calr_folder_exists(const char *path);

/* Fails where no file can be made in the folder: it is absent, of another user, or on a read-only disk. */
calr_status calr_folder_check_writable(const char *path);

/* Names in a folder. Zero-initialise; release when done. */
typedef struct calr_folder_names {
    char **name; /* [count], each malloc'ed */
    size_t count;
} calr_folder_names;

/* The names in a folder without "." and "..", sorted by their bytes. CALR_ENOTFOUND, CALR_EIO, CALR_ENOMEM; the list is
 * then empty. */
calr_status calr_folder_list(const char *path, calr_folder_names *out);
void calr_folder_names_release(calr_folder_names *names);

/* Makes the rename or removal of names inside a folder durable. `path` may be a file, for its
 * folder. */
calr_status calr_folder_sync(const char *path);

/* Renames durably; an existing file of the new name is replaced atomically. */
calr_status calr_folder_rename(const char *from, const char *to);
/* Removes a file or an empty folder. */
calr_status calr_folder_remove(const char *path);

typedef enum calr_path_kind { CALR_PATH_FILE, CALR_PATH_FOLDER, CALR_PATH_OTHER } calr_path_kind;

typedef struct calr_path_info {
    calr_path_kind kind;
    int64_t size;   /* bytes */
    double changed; /* seconds since 1970 */
    int64_t owner;  /* user number of its owner */
} calr_path_info;

/* Whether the path itself is a symbolic link. */
bool calr_path_is_link(const char *path);
/* The number of the user that this process acts for. */
int64_t calr_path_user(void);

/* What a path names, links followed. CALR_ENOTFOUND when it names nothing. */
calr_status calr_path_look(const char *path, calr_path_info *out);

/* The absolute path of something that exists, with links resolved. *out is malloc'ed. */
calr_status calr_path_absolute(const char *path, char **out);

/* The folder that relative paths start from; *out is malloc'ed. */
calr_status calr_folder_current(char **out);
calr_status calr_folder_change(const char *path);

#endif
