/* A walk over the B+trees of an LMDB file, before LMDB reads it: LMDB follows page numbers, sizes
 * and offsets on trust, and one flipped bit in them ends the process. Only branch and leaf pages
 * are read: a few for each thousand images. */
#include "store/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/format.h"

/* LMDB 0.9: a page begins with its number (8 bytes), padding (2), flags (2), lower and upper (2
 * each: where the free space begins and ends); 2-byte offsets of the nodes follow. A node: two
 * halves of the size of its value (or of the child's page number), flags (or its upper bits), size
 * of the key, the key, the value. */
enum {
    PAGE_HEADER = 16,
    NODE_HEADER = 8,
    PAGE_BRANCH = 0x01,
    PAGE_LEAF = 0x02,
    NODE_BIG = 0x01, /* the value lies on pages of its own; the node holds their number */
    NODE_DATABASE = 0x02,
    MAX_DEPTH = 30, /* LMDB's cursors hold 32 */
};

typedef struct walk {
    const lmdb_file *file;
    uint64_t pages; /* visited so far: more than the file has means a circle */
} walk;

static calr_status damaged(const walk *w)
{
    return calr_error(CALR_EFORMAT,
                      "%s is damaged (its index); copy it again or import the data set again",
                      w->file->path);
}

static unsigned half(const unsigned char *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t page_number(const unsigned char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static calr_status read_page(walk *w, uint64_t number, unsigned char *page)
{
    const lmdb_file *file = w->file;
    if (number < 2 || number > file->last_page || ++w->pages > file->last_page)
        return damaged(w);
    ssize_t got = pread(file->fd, page, file->page_size, (off_t)(number * file->page_size));
    if (got < 0)
        return calr_error_system(errno, "cannot read %s", file->path);
    if ((size_t)got < file->page_size || page_number(page) != number)
        return damaged(w);
    return CALR_OK;
}

/* Whether the value of a leaf's node lies inside its page, or inside the file. */
static bool value_fits(const walk *w, size_t room, const unsigned char *value, size_t size,
                       unsigned flags)
{
    if (!(flags & NODE_BIG))
        return size <= room;
    if (room < sizeof(uint64_t))
        return false;
    uint64_t first = page_number(value), last = w->file->last_page;
    uint64_t pages = (size + PAGE_HEADER + w->file->page_size - 1) / w->file->page_size;
    return first >= 2 && first <= last && pages <= last - first + 1;
}

static calr_status walk_tree(walk *w, const lmdb_database *database, bool main_tree);

/* A node of the main tree may be a database of its own: ours are walked. */
static calr_status walk_database(walk *w, const unsigned char *node, size_t key_size, size_t size)
{
    static const char *const names[] = {"records", "images"};
    lmdb_database database;
    for (int i = 0; i < 2; i++) {
        if (key_size != strlen(names[i]) || memcmp(node + NODE_HEADER, names[i], key_size) != 0)
            continue;
        if (size != sizeof database)
            return damaged(w);
        memcpy(&database, node + NODE_HEADER + key_size, sizeof database);
        if (database.flags != (i == 0 ? 0 : MDB_INTEGERKEY))
            return damaged(w);
        return walk_tree(w, &database, false);
    }
    return CALR_OK;
}

static calr_status walk_leaf_node(walk *w, const unsigned char *node, size_t room,
                                  const lmdb_database *database, bool main_tree)
{
    size_t key_size = half(node + 6), size = half(node) | (size_t)half(node + 2) << 16;
    unsigned flags = half(node + 4);
    if (key_size > room - NODE_HEADER ||
        ((database->flags & MDB_INTEGERKEY) && key_size != sizeof(size_t)))
        return damaged(w);
    if (flags & ~(unsigned)(main_tree ? NODE_BIG | NODE_DATABASE : NODE_BIG))
        return damaged(w);
    if (!value_fits(w, room - NODE_HEADER - key_size, node + NODE_HEADER + key_size, size, flags))
        return damaged(w);
    return flags & NODE_DATABASE ? walk_database(w, node, key_size, size) : CALR_OK;
}

static calr_status walk_page(walk *w, uint64_t number, int depth, const lmdb_database *database,
                             bool main_tree);

static calr_status walk_nodes(walk *w, const unsigned char *page, int depth,
                              const lmdb_database *database, bool main_tree)
{
    unsigned lower = half(page + 12), upper = half(page + 14), kind = half(page + 10);
    if (lower < PAGE_HEADER || lower > upper || upper > w->file->page_size || lower % 2 != 0)
        return damaged(w);
    unsigned count = (lower - PAGE_HEADER) / 2;
    if (kind != (depth == 1 ? PAGE_LEAF : PAGE_BRANCH) || count < (depth == 1 ? 1 : 2))
        return damaged(w);
    for (unsigned i = 0; i < count; i++) {
        unsigned at = half(page + PAGE_HEADER + 2 * i);
        if (at < upper || at % 2 != 0 || at + NODE_HEADER > w->file->page_size)
            return damaged(w);
        const unsigned char *node = page + at;
        size_t room = w->file->page_size - at, key_size = half(node + 6);
        if (depth == 1) {
            CALR_TRY(walk_leaf_node(w, node, room, database, main_tree));
            continue;
        }
        bool keyless = i == 0 && key_size == 0; /* the first key of a branch is never looked at */
        if (key_size > room - NODE_HEADER ||
            (!keyless && (database->flags & MDB_INTEGERKEY) && key_size != sizeof(size_t)))
            return damaged(w);
        uint64_t child =
            half(node) | (uint64_t)half(node + 2) << 16 | (uint64_t)half(node + 4) << 32;
        CALR_TRY(walk_page(w, child, depth - 1, database, main_tree));
    }
    return CALR_OK;
}

/* depth: levels from this page down to the leaves, which are at 1. */
static calr_status walk_page(walk *w, uint64_t number, int depth, const lmdb_database *database,
                             bool main_tree)
{
    unsigned char *page = malloc(w->file->page_size);
    if (!page)
        return calr_error(CALR_ENOMEM, "no memory to open %s", w->file->path);
    calr_status status = read_page(w, number, page);
    if (status == CALR_OK)
        status = walk_nodes(w, page, depth, database, main_tree);
    free(page);
    return status;
}

static calr_status walk_tree(walk *w, const lmdb_database *database, bool main_tree)
{
    if (database->root == UINT64_MAX) /* empty */
        return database->depth == 0 ? CALR_OK : damaged(w);
    if (database->depth < 1 || database->depth > MAX_DEPTH)
        return damaged(w);
    return walk_page(w, database->root, database->depth, database, main_tree);
}

calr_status calr_store_check_tree(const lmdb_file *file, const lmdb_database *main_database)
{
    walk w = {file, 0};
    return walk_tree(&w, main_database, true);
}
