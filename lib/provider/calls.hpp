// The calls as HTTP requests. Pure; any thread. Ids must have passed is_path_id: nothing is escaped here.
#pragma once

#include <string>

#include "config/config.hpp"
#include "http/http.hpp"
#include "provider/provider.hpp"

namespace offpeak {

http::Request create_request(const HeaderGroup& headers, AuthScheme auth, const std::string& key);
http::Request list_request(const ListQuery& query, const HeaderGroup& headers, AuthScheme auth, const std::string& key);
http::Request retrieve_request(const std::string& id, const HeaderGroup& headers, AuthScheme auth,
                               const std::string& key);
http::Request results_request(const std::string& id, const HeaderGroup& headers, AuthScheme auth,
                              const std::string& key);
http::Request cancel_request(const std::string& id, const HeaderGroup& headers, AuthScheme auth,
                             const std::string& key);

}  // namespace offpeak
