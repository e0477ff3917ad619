// nuncio-pam --connect: passes requests on to a helper that the service manager starts.
#pragma once

namespace nuncio::pam {

/// Between stdin, stdout and a unix socket, until one of them ends. Answers the exit status.
int relay(const char* path);

}
