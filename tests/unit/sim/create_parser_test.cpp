#include "sim/create_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace offpeak::sim {
namespace {

class Collector final : public RequestSink {
 public:
  void take_request(std::string_view custom_id, std::string_view params) override {
    requests.emplace_back(custom_id, params);
  }
  std::vector<std::pair<std::string, std::string>> requests;
};

std::string fault_of(std::string_view body, std::size_t block = 1'000'000) {
  Collector collector;
  CreateParser parser(collector, 1'000'000);
  for (std::size_t at = 0; at < body.size(); at += block) parser.take(body.substr(at, block));
  parser.finish();
  return parser.fault().value_or("");
}

constexpr std::string_view tricky_body =
    " {\t\"requests\" : [ {\"custom_id\":\"a\\u0062\" , \"params\":{\"x\":\"\\\\\\\"]}\", "
    "\"y\":[1,{\"z\":\"[\"}],\"n\":-1.5e3}},\n"
    "{\"params\":{\"t\":true,\"q\":\"\\\\\"},\"custom_id\":\"c\"} ] }\r\n";

TEST(SimCreateParser, FindsTheSameRequestsWhereverBlocksEnd) {
  for (std::size_t block = 1; block <= tricky_body.size(); ++block) {
    Collector collector;
    CreateParser parser(collector, 1'000'000);
    for (std::size_t at = 0; at < tricky_body.size(); at += block) parser.take(tricky_body.substr(at, block));
    parser.finish();
    ASSERT_EQ(parser.fault(), std::nullopt) << "blocks of " << block;
    ASSERT_EQ(collector.requests.size(), 2U);
    EXPECT_EQ(collector.requests[0].first, "ab");
    EXPECT_EQ(collector.requests[0].second, R"({"x":"\\\"]}", "y":[1,{"z":"["}],"n":-1.5e3})");
    EXPECT_EQ(collector.requests[1].first, "c");
    EXPECT_EQ(collector.requests[1].second, R"({"t":true,"q":"\\"})");
  }
}

TEST(SimCreateParser, CutAnywhereIsNotValidJson) {
  const auto whole = tricky_body.substr(0, tricky_body.rfind('}'));
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    for (const std::size_t block : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
      ASSERT_TRUE(fault_of(whole.substr(0, size), block).starts_with("The request body is not valid JSON: ")) << size;
    }
  }
}

TEST(SimCreateParser, RefusesWhatIsNotJson) {
  for (const auto* body :
       {"[]", "17", "{\"requests\":[}", "{\"requests\":[{\"custom_id\":\"a\" \"params\":{}}]}",
        "{\"requests\":[{\"custom_id\":\"a\",\"params\":{}},]}", "{\"requests\":[]}x", "{\"requests\" []}",
        "{requests:[]}", "{\"requests\":[],}", "{\"requests\":[{\"custom_id\":\"\xFF\",\"params\":{}}]}"}) {
    EXPECT_TRUE(fault_of(body).starts_with("The request body is not valid JSON: "))
        << body << " gave " << fault_of(body);
  }
}

TEST(SimCreateParser, NamesTheMemberThatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({})", "requests: Field required"},
      {R"({"requests":{}})", "requests: Input should be a valid list"},
      {R"({"requests":[],"name":"x"})", "name: Extra inputs are not permitted"},
      {R"({"requests":[1]})", "requests.0: Input should be a valid dictionary"},
      {R"({"requests":[{"params":{}}]})", "requests.0.custom_id: Field required"},
      {R"({"requests":[{"custom_id":7,"params":{}}]})", "requests.0.custom_id: Input should be a valid string"},
      {R"({"requests":[{"custom_id":"","params":{}}]})",
       "requests.0.custom_id: String should have at least 1 character"},
      {R"({"requests":[{"custom_id":"a b","params":{}}]})",
       "requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"},
      {R"({"requests":[{"custom_id":"a","params":{}},{"custom_id":")" + std::string(65, 'x') + R"(","params":{}}]})",
       "requests.1.custom_id: String should have at most 64 characters"},
      {R"({"requests":[{"custom_id":"a"}]})", "requests.0.params: Field required"},
      {R"({"requests":[{"custom_id":"a","params":[]}]})", "requests.0.params: Input should be a valid dictionary"},
      {R"({"requests":[{"custom_id":"a","params":{},"tag":1}]})", "requests.0.tag: Extra inputs are not permitted"},
  };
  for (const auto& [body, message] : cases) {
    EXPECT_EQ(fault_of(body), message) << body;
    EXPECT_EQ(fault_of(body, 3), message) << body;
  }
}

TEST(SimCreateParser, StopsReadingWhatIsTooLarge) {
  Collector collector;
  CreateParser parser(collector, 10);
  parser.take("{\"requests\":[{\"custom_id\":\"a\",\"params\":{}}]}");
  parser.finish();
  EXPECT_TRUE(parser.too_large());
  EXPECT_TRUE(collector.requests.empty());
}

}  // namespace
}  // namespace offpeak::sim
