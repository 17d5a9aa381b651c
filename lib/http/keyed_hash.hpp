// A secret's fingerprint: tells whether two secrets are the same, and tells nobody what they are. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace offpeak::http {

// The first 128 bits of HMAC-SHA256 (RFC 2104) of `secret` under `salt`, as 32 hexadecimal digits. Throws
// std::runtime_error where `salt` has more than 64 bytes, and where OpenSSL cannot compute it.
std::string keyed_hash(std::string_view secret, std::string_view salt);

}  // namespace offpeak::http
