/* Files written aside: a file under its final name is complete.
 *
 * A file is written beside its final name and renamed when it is complete and on the disk. A crash,
 * a full disk or a kill leaves the old file, or none, and at worst a file aside. Everything in calr
 * that writes a file goes through these names: files (os/file.h), claims (os/claim.h) and the
 * data-set store. */
#ifndef CALR_OS_ASIDE_H
#define CALR_OS_ASIDE_H

#include "base/status.h"

/* NAME.tmp-PID, for a file that one process writes at a time. *out is malloc'ed. CALR_ENOMEM. */
calr_status calr_aside_name(const char *path, char **out);

/* A name beside `path` that no other thread, process or machine uses. *out is malloc'ed. CALR_ENOMEM. */
calr_status calr_aside_unique(const char *path, char **out);

/* Gives the file aside its final name, replacing a file that has it, and makes that durable. On failure of
 * the rename the file aside stays where it is. CALR_EIO, CALR_ENOSPC. */
calr_status calr_aside_publish(const char *aside, const char *path);

/* Removes every NAME.tmp-PID of `path` on which no process holds a flock: files that killed writers
 * left behind. Only for writers that lock their file aside. Failure is not an error. */
void calr_aside_remove_stale(const char *path);

#endif
