/* Files in memory without reading them: the pages come when they are looked at. */
#ifndef CALR_OS_MAP_H
#define CALR_OS_MAP_H

#include <stddef.h>

#include "base/status.h"

/* The contents of a file; counted. Written pages are this process's own and never reach the file. Whoever shortens the
 * file meanwhile ends the process (SIGBUS): only for files that are replaced as a whole, as calr writes them. */
typedef struct calr_map calr_map;

/* CALR_ENOTFOUND, CALR_EIO (a folder, too), CALR_ENOMEM. An empty file has size 0 and no data. */
calr_status calr_map_open(const char *path, calr_map **out);
void *calr_map_data(const calr_map *map);
size_t calr_map_size(const calr_map *map);
calr_map *calr_map_retain(calr_map *map); /* returns its argument */
void calr_map_release(void *map);         /* NULL is allowed; a function for calr_tensor_wrap */

#endif
