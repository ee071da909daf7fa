# Finds oneDNN (Debian: libdnnl-dev). Defines the target OneDNN::OneDNN, OneDNN_VERSION and OneDNN_VERSION_MAJOR: versions
# 2 and 3 have different C interfaces, so ask for a range.
find_library(OneDNN_LIBRARY NAMES dnnl)
find_path(OneDNN_INCLUDE_DIR NAMES dnnl.h PATH_SUFFIXES oneapi/dnnl)
include(FindPackageHandleStandardArgs)
if(EXISTS ${OneDNN_INCLUDE_DIR}/dnnl_version.h)
    file(STRINGS ${OneDNN_INCLUDE_DIR}/dnnl_version.h lines REGEX "define DNNL_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
    string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
    string(REPLACE ";" "." OneDNN_VERSION "${numbers}")
    list(GET numbers 0 OneDNN_VERSION_MAJOR)
endif()
find_package_handle_standard_args(OneDNN REQUIRED_VARS OneDNN_LIBRARY OneDNN_INCLUDE_DIR
    VERSION_VAR OneDNN_VERSION HANDLE_VERSION_RANGE)
if(OneDNN_FOUND AND NOT TARGET OneDNN::OneDNN)
    set(directories ${OneDNN_INCLUDE_DIR})
    if(OneDNN_INCLUDE_DIR MATCHES "/oneapi/dnnl$") # version 3's headers name each other from two floors above
        get_filename_component(above ${OneDNN_INCLUDE_DIR}/../.. ABSOLUTE)
        list(APPEND directories ${above})
    endif()
    add_library(OneDNN::OneDNN UNKNOWN IMPORTED)
    set_target_properties(OneDNN::OneDNN PROPERTIES IMPORTED_LOCATION ${OneDNN_LIBRARY}
        INTERFACE_INCLUDE_DIRECTORIES "${directories}")
endif()
mark_as_advanced(OneDNN_LIBRARY OneDNN_INCLUDE_DIR)
