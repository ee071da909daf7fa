/* Placeholder translation unit until the module's first file lands. */
typedef int calr_store;
