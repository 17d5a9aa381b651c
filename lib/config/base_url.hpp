// Which base URLs the API key may be sent to: https to anywhere, plain http to this machine only. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace offpeak {

struct BaseUrlFault {
  std::string message;  // goes behind the URL: "has no host"
  std::string hint;
};

// Nothing where `url` is "https://host[:port][/prefix]", or the same with http and a loopback host.
std::optional<BaseUrlFault> fault_of_base_url(std::string_view url);

// 127.0.0.0/8, ::1 (without brackets) and localhost.
bool is_loopback_host(std::string_view host);

}  // namespace offpeak
