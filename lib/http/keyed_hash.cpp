#include "http/keyed_hash.hpp"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace offpeak::http {

namespace {

constexpr std::size_t kept_bytes = 16;
constexpr std::size_t block_bytes = SHA256_CBLOCK;
constexpr unsigned char inner_pad = 0x36;
constexpr unsigned char outer_pad = 0x5c;

using Sha256 = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

// OpenSSL's plain functions: its EVP_ ones load all algorithms first, 2 MiB for a daemon that may speak no TLS at all.
Sha256 hash_both(const void* first, std::size_t first_bytes, const void* second, std::size_t second_bytes) {
  SHA256_CTX context;
  Sha256 digest{};
  if (SHA256_Init(&context) != 1 || SHA256_Update(&context, first, first_bytes) != 1 ||
      SHA256_Update(&context, second, second_bytes) != 1 || SHA256_Final(digest.data(), &context) != 1) {
    throw std::runtime_error("OpenSSL cannot compute a SHA-256");
  }
  return digest;
}

// RFC 2104, with the salt as its key.
Sha256 hmac_sha256(std::string_view text, std::string_view salt) {
  if (salt.size() > block_bytes) throw std::runtime_error("a salt has at most 64 bytes");
  std::array<unsigned char, block_bytes> inner{};
  std::copy(salt.begin(), salt.end(), inner.begin());
  auto outer = inner;
  for (auto& byte : inner) byte ^= inner_pad;
  for (auto& byte : outer) byte ^= outer_pad;
  const auto first = hash_both(inner.data(), inner.size(), text.data(), text.size());
  return hash_both(outer.data(), outer.size(), first.data(), first.size());
}

}  // namespace

std::string keyed_hash(std::string_view secret, std::string_view salt) {
  const auto digest = hmac_sha256(secret, salt);
  std::string text;
  for (std::size_t i = 0; i < kept_bytes; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace offpeak::http
