// schema/openapi.json and the route table say the same.
#include "unit/control/openapi.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "control/routes.hpp"

namespace offpeak {
namespace {

TEST(OpenApi, DescribesEveryRouteAndNothingElse) {
  const testing::OpenApi description;
  std::set<std::string> routed;
  for (const auto& route : routes()) routed.insert(fmt::format("{} {}", route.method, route.path));
  EXPECT_EQ(description.operations(), routed);
}

TEST(OpenApi, DescribesEveryQueryMember) {
  const testing::OpenApi description;
  for (const auto& route : routes()) {
    EXPECT_EQ(description.query_of(std::string(route.method), std::string(route.path)),
              fmt::format("{}", fmt::join(route.query, ",")))
        << route.path;
  }
}

}  // namespace
}  // namespace offpeak
