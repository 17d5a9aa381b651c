#include "sim/ledger.hpp"

#include "unit/sim/api.hpp"

namespace offpeak::sim {
namespace {

using std::chrono::seconds;

TEST(SimLedger, BillsSucceededRowsAtTheEndOfTheirBatch) {
  Api api;
  api.create({"one", "[[expired]]", "[[errored:api_error]]", "[[missing]]"});
  EXPECT_EQ(api.totals().requests_created, 4U);
  EXPECT_EQ(api.totals().requests_billed, 0U);
  EXPECT_EQ(api.totals().open_requests, 4U);
  api.now += seconds(2);
  EXPECT_EQ(api.totals().requests_billed, 2U) << "whether or not results are downloaded";
  EXPECT_EQ(api.totals().rows.expired, 1);
  EXPECT_EQ(api.totals().open_requests, 0U);
  EXPECT_EQ(api.service.content(Api::params("one")).billed, 1U);
  EXPECT_EQ(api.service.content(Api::params("[[expired]]")).billed, 0U);
}

TEST(SimLedger, TellsWhatWasBilledTwice) {
  Api api;
  api.create({"one", "two"});
  api.now += seconds(2);
  api.create({"two", "three"});
  EXPECT_EQ(api.totals().contents_created_twice, 1U);
  EXPECT_EQ(api.totals().contents_created_after_billed, 1U);
  EXPECT_EQ(api.totals().contents_overlapped, 0U);
  EXPECT_EQ(api.totals().contents_billed_twice, 0U);
  api.now += seconds(2);
  EXPECT_EQ(api.totals().contents_billed_twice, 1U);
  EXPECT_EQ(api.service.content(Api::params("two")).billed, 2U);
}

TEST(SimLedger, TellsWhatRanInTwoPlacesAtOnce) {
  Api api;
  api.create({"one"});
  api.create({"one"});
  EXPECT_EQ(api.totals().contents_overlapped, 1U);
}

TEST(SimLedger, ASecondCreationAfterACanceledBatchIsNoOverlap) {
  Api api(R"({"processing_time":"1h"})");
  const auto id = api.create({"one"}).id();
  api.cancel(id);
  api.now += seconds(1);
  api.create({"one"});
  EXPECT_EQ(api.totals().contents_overlapped, 0U);
  api.now += std::chrono::hours(1);
  EXPECT_EQ(api.totals().requests_billed, 1U);
}

TEST(SimLedger, CountsTokensAsTheResultsDo) {
  Api api;
  const auto id = api.create({"one", "[[stop:max_tokens]]"}).id();
  api.now += seconds(2);
  std::int64_t input = 0, output = 0;
  for (const auto& line : lines_of(api.results(id).body)) {
    const auto usage = *json_path(line, {"result", "message", "usage"});
    input += *json_integer(*json_member(usage, "input_tokens"));
    output += *json_integer(*json_member(usage, "output_tokens"));
  }
  EXPECT_EQ(api.totals().billed_input_tokens, static_cast<std::uint64_t>(input));
  EXPECT_EQ(api.totals().billed_output_tokens, static_cast<std::uint64_t>(output));
}

TEST(SimLedger, IsServedAsJson) {
  Api api;
  api.create({"one", "two"});
  api.now += seconds(2);
  api.create({"two"});
  const auto ledger = api.call("GET", "/_sim/ledger").body;
  JsonChecker checker;
  ASSERT_FALSE(checker.check(ledger)) << ledger;
  EXPECT_EQ(*json_path(ledger, {"totals", "requests_created"}), "3");
  EXPECT_EQ(*json_path(ledger, {"totals", "calls", "create"}), "2");
  const auto digest = digest128(Api::params("two")).hex();
  EXPECT_NE(
      ledger.find("{\"digest\":\"" + digest + R"(","created":2,"billed":1,"open":1,"refused":0,"overlapped":false})"),
      std::string::npos);
  EXPECT_EQ(api.call("GET", "/_sim/ledger?digest=" + digest).member({"created"}), "2");
  EXPECT_EQ(api.call("GET", "/_sim/ledger?digest=00").status, 404);
  EXPECT_EQ(api.call("POST", "/_sim/digest", Api::params("two")).member({"digest"}), "\"" + digest + "\"");
  const auto twice = api.call("GET", "/_sim/ledger?twice=1").body;
  EXPECT_EQ(twice.find(digest128(Api::params("one")).hex()), std::string::npos);
  EXPECT_NE(twice.find(digest), std::string::npos);
  EXPECT_EQ(api.call("GET", "/_sim/ledger?summary=1").member({"contents"}), "(none)");
}

TEST(SimLedger, LeavesOutContentsThatWereNeverAccepted) {
  Api api(R"({"max_requests":1})");
  api.create({"one", "two"});
  EXPECT_EQ(*json_member(api.call("GET", "/_sim/ledger").body, "contents"), "[]");
}

TEST(SimControl, ChangesSettingsAndFaultsAtRunTime) {
  Api api;
  EXPECT_EQ(api.call("POST", "/_sim/settings", R"({"processing_time":"1h"})").status, 200);
  EXPECT_EQ(api.call("GET", "/_sim/settings").member({"processing_time"}), "\"1h\"");
  EXPECT_EQ(api.call("POST", "/_sim/settings", R"({"procesing_time":"1h"})").status, 400);
  EXPECT_EQ(api.call("POST", "/_sim/faults", R"({"on":"list","do":{"action":"error","status":503}})").status, 200);
  EXPECT_EQ(api.list().status, 503);
  EXPECT_NE(api.call("GET", "/_sim/faults").body.find("\"seen\":1,\"fired\":1"), std::string::npos);
  EXPECT_EQ(api.call("DELETE", "/_sim/faults").status, 200);
  EXPECT_EQ(api.list().status, 200);
  EXPECT_EQ(api.call("POST", "/_sim/faults", R"({"on":"lisst","do":"close"})").status, 400);
}

TEST(SimControl, EndsBatchesAndTheProgram) {
  Api api(R"({"processing_time":"1h","faults":[{"on":"create","nth":2,"do":"never_end"}]})");
  const auto first = api.create({"one"}).id(), second = api.create({"two"}).id();
  api.now += seconds(1);
  EXPECT_EQ(api.call("POST", "/_sim/end").status, 200);
  EXPECT_EQ(api.retrieve(first).member({"processing_status"}), "\"ended\"");
  EXPECT_EQ(api.retrieve(second).member({"request_counts", "succeeded"}), "1");
  EXPECT_TRUE(api.call("POST", "/_sim/shutdown").answer.ends_program);
  EXPECT_EQ(api.call("GET", "/_sim/nothing").status, 404);
}

TEST(SimControl, AForeignBatchIsInTheListButNotInTheLedger) {
  Api api;
  EXPECT_EQ(api.call("POST", "/_sim/foreign?requests=3").status, 200);
  const auto ids = ids_in(api.list().body);
  ASSERT_EQ(ids.size(), 1U);
  api.now += seconds(2);
  EXPECT_EQ(api.retrieve(ids[0]).member({"request_counts", "succeeded"}), "3");
  EXPECT_NE(api.results(ids[0]).body.find("\"custom_id\":\"foreign-2\""), std::string::npos);
  EXPECT_EQ(api.totals().requests_billed, 0U);
  EXPECT_EQ(api.totals().foreign_batches, 1U);
  EXPECT_EQ(api.call("POST", "/_sim/foreign?requests=0").status, 400);
}

}  // namespace
}  // namespace offpeak::sim
