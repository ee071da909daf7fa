# Finds OpenBLAS, the OpenMP build where there is a choice: the pthread build fights with our OpenMP threads.
# Sets OpenBLAS_LIBRARY, the file that the engine loads at run time (see engine/backend/cpu/blas.c), and
# OpenBLAS_INCLUDE_DIR with cblas.h.
find_library(OpenBLAS_LIBRARY NAMES libopenblas.so.0 openblas
    PATH_SUFFIXES openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp)
find_path(OpenBLAS_INCLUDE_DIR NAMES cblas.h
    PATH_SUFFIXES openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp openblas)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenBLAS REQUIRED_VARS OpenBLAS_LIBRARY OpenBLAS_INCLUDE_DIR)
mark_as_advanced(OpenBLAS_LIBRARY OpenBLAS_INCLUDE_DIR)
