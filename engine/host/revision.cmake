# Writes HEADER with the git revision of SOURCE ("" outside a git checkout), unless it says so already.
execute_process(COMMAND git describe --always --dirty --abbrev=12 --exclude=* WORKING_DIRECTORY ${SOURCE}
    OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
if(NOT status EQUAL 0 OR NOT EXISTS ${SOURCE}/.git)
    set(revision "")
endif()
set(text "#define CALR_REVISION \"${revision}\"\n")
set(old "")
if(EXISTS ${HEADER})
    file(READ ${HEADER} old)
endif()
if(NOT text STREQUAL old)
    file(WRITE ${HEADER} ${text})
endif()
