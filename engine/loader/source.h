/* A data-set store as a source of images: one read transaction per thread, nothing copied. */
#ifndef CALR_LOADER_SOURCE_H
#define CALR_LOADER_SOURCE_H

#include "loader/loader.h"
#include "store/store.h"

/* Records are the store's images. The source keeps the store open until its release. */
calr_loader_source calr_loader_store_source(calr_store *store);

#endif
