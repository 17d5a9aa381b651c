// schema/openapi.json as the tests use it: which routes it has, and which members a reply must have.
#pragma once

#include <boost/json/value.hpp>
#include <set>
#include <string>
#include <string_view>

namespace offpeak::testing {

class OpenApi {
 public:
  OpenApi();
  // "GET /v1/jobs", ...
  std::set<std::string> operations() const;
  // The query members of an operation, in order, joined by a comma.
  std::string query_of(const std::string& method, const std::string& path) const;
  // What is wrong with a reply, or empty: a status that is not described, a required member that is missing, a type
  // or a word that is not allowed.
  std::string check(const std::string& method, const std::string& path, int status, const std::string& body) const;

 private:
  std::string check_value(const boost::json::value& schema, const boost::json::value& value, std::string place) const;
  const boost::json::value& resolve(const boost::json::value& node) const;
  boost::json::value document_;
};

}  // namespace offpeak::testing
