#include "http/keyed_hash.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>

#include "http/openssl_start.hpp"

namespace offpeak::http {

namespace {

constexpr std::size_t kept_bytes = 16;

}  // namespace

std::string keyed_hash(std::string_view secret, std::string_view salt) {
  start_openssl();
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const auto* made = HMAC(EVP_sha256(), salt.data(), static_cast<int>(salt.size()),
                          reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data(), &size);
  if (made == nullptr || size < kept_bytes) throw std::runtime_error("OpenSSL cannot compute an HMAC-SHA256");
  std::string text;
  for (std::size_t i = 0; i < kept_bytes; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace offpeak::http
