// Which calls go through a proxy. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "http/http.hpp"

namespace offpeak::http {

// "http://[user:password@]host[:port][/]", or the same without its scheme; port 80 where none is given. An
// error never repeats the URL: it may hold a password.
Result<Proxy> parse_proxy(std::string_view url);

// Is `host` exempt by a no_proxy list: "*", names (with everything below them), addresses, networks
// (10.0.0.0/8), each with an optional port.
bool no_proxy_names(std::string_view no_proxy, const std::string& host, const std::string& port);

}  // namespace offpeak::http
