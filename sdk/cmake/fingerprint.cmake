# cmake -DHEADERS=FOLDER -DOUTPUT=FILE -P fingerprint.cmake
#
# Writes what the public headers declare as one word. It changes with every declaration and stays the
# same over comments and spaces, so that two builds agree exactly when they were made from the same
# interface, wherever and whenever.
get_filename_component(HEADERS ${HEADERS} ABSOLUTE)
file(GLOB headers RELATIVE ${HEADERS} ${HEADERS}/nuncio/*.h)
list(REMOVE_ITEM headers nuncio/testkit.h) # of tests; no plugin and no server includes it
list(SORT headers)
if(NOT headers)
    message(FATAL_ERROR "no headers in ${HEADERS}")
endif()
set(all "")
foreach(header ${headers})
    file(READ ${HEADERS}/${header} text)
    string(REGEX REPLACE "(^|[ \t\n])//[^\n]*" "\\1" text "${text}")
    string(REGEX REPLACE "[ \t\n]+" " " text "${text}")
    string(APPEND all "${header}\n${text}\n")
endforeach()
string(SHA256 word "${all}")
string(SUBSTRING ${word} 0 16 word)
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "// Generated from the other headers of this folder: see fingerprint.cmake.
#pragma once

#define NUNCIO_DETAIL_HEADERS \"${word}\"
")
