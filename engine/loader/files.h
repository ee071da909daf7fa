/* Image files as a source of images: each is read when a batch needs it. */
#ifndef CALR_LOADER_FILES_H
#define CALR_LOADER_FILES_H

#include "loader/loader.h"

/* Record i is the file paths[i]; the paths are copied. CALR_ENOMEM. The source belongs to the caller until a loader
 * takes it: *out has a release. */
calr_status calr_loader_file_source(const char *const *paths, int64_t count,
                                    calr_loader_source *out);

#endif
