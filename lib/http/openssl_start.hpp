// OpenSSL's own start, asked for before anything is asked of it. Any thread.
#pragma once

namespace offpeak::http {

// OpenSSL starts at its first use, and allocates. Where that fails, OpenSSL 3.0 goes on with half a context and reads a
// lock that is not there. Throws std::bad_alloc instead. A start that failed is not tried again: the process must end.
void start_openssl();

}  // namespace offpeak::http
