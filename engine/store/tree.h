/* The structure of an LMDB file, as far as it must be sound before LMDB reads it. Inside store/
 * only. */
#ifndef CALR_STORE_TREE_H
#define CALR_STORE_TREE_H

#include <stdint.h>

#include "base/status.h"

/* LMDB's record of a database (a tree), as it lies in the file. */
typedef struct lmdb_database {
    uint32_t page_size; /* only that of the first database of a meta page holds it */
    uint16_t flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
} lmdb_database;

typedef struct lmdb_file {
    int fd;
    const char *path; /* for messages */
    uint32_t page_size;
    uint64_t last_page; /* the file is known to have them all */
} lmdb_file;

/* Walks the main tree and our two databases. CALR_EFORMAT: something in them points where nothing
 * can be. */
calr_status calr_store_check_tree(const lmdb_file *file, const lmdb_database *main_database);

#endif
