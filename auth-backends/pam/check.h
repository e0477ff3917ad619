// Asking PAM.
#pragma once

#include "request.h"

#include <string>

namespace nuncio::pam {

/// One request, from the start of PAM to its end. Blocks.
Code check(const std::string& service, const Request& request);

}
