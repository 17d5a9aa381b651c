// ProviderIdentity: whom we ask, and as whom. What one identity was told says nothing about the batches of another: a
// key of another workspace sees another list.
#pragma once

#include <string>

namespace offpeak {

struct ProviderIdentity {
  std::string origin;        // scheme://host:port of base_url
  std::string workspace;     // the header that chooses a workspace; empty where none is configured
  std::string key_hash;      // HMAC-SHA256 of the key under a salt, 32 hexadecimal digits; never the key
  std::string organization;  // anthropic-organization-id of the last answer that had it; empty before
  bool operator==(const ProviderIdentity&) const = default;
};

}  // namespace offpeak
