#include "http/openssl_start.hpp"

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <new>

namespace offpeak::http {

void start_openssl() {
  static const bool started = OSSL_LIB_CTX_get0_global_default() != nullptr && OPENSSL_init_ssl(0, nullptr) == 1;
  if (!started) throw std::bad_alloc();
}

}  // namespace offpeak::http
