#include "unit/sim/api.hpp"

namespace offpeak::sim {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(SimBatch, EndsWhenItsProcessingTimeIsOver) {
  Api api(R"({"processing_time":"5s"})");
  const auto id = api.create({"one"}).id();
  api.now += Duration(4999);
  const auto running = api.retrieve(id);
  EXPECT_EQ(running.member({"processing_status"}), "\"in_progress\"");
  EXPECT_EQ(running.header("retry-after"), "10");
  api.now += Duration(1);
  const auto ended = api.retrieve(id);
  EXPECT_EQ(ended.member({"processing_status"}), "\"ended\"");
  EXPECT_EQ(ended.header("retry-after"), "");
  EXPECT_EQ(ended.member({"request_counts"}), R"({"processing":0,"succeeded":1,"errored":0,"canceled":0,"expired":0})");
  EXPECT_EQ(ended.member({"ended_at"}), "\"2026-01-01T00:05:28.250002+00:00\"");
  EXPECT_EQ(ended.member({"results_url"}), "\"http://127.0.0.1:80/v1/messages/batches/" + id + "/results\"");
}

TEST(SimBatch, HasNoResultsBeforeItsEnd) {
  Api api;
  const auto id = api.create({"one"}).id();
  const auto early = api.results(id);
  EXPECT_EQ(early.status, 404);
  EXPECT_EQ(early.message(), "Message Batch " + id + " has no available results.");
  EXPECT_EQ(early.header("x-should-retry"), "false");
}

TEST(SimBatch, CanceledEndsSoonAndKeepsWhatWasProcessed) {
  Api api(R"({"processing_time":"100s","cancel_time":"2s"})");
  const auto id = api.create(std::vector<std::string>(200, "x")).id();
  api.now += seconds(50);
  const auto canceling = api.cancel(id);
  EXPECT_EQ(canceling.member({"processing_status"}), "\"canceling\"");
  EXPECT_NE(canceling.member({"cancel_initiated_at"}), "null");
  EXPECT_EQ(api.cancel(id).body, canceling.body) << "a second cancel changes nothing";
  api.now += seconds(2);
  const auto ended = api.retrieve(id);
  EXPECT_EQ(ended.member({"processing_status"}), "\"ended\"");
  const auto succeeded = std::stoi(ended.member({"request_counts", "succeeded"}));
  EXPECT_GT(succeeded, 60);
  EXPECT_LT(succeeded, 140);
  EXPECT_EQ(std::stoi(ended.member({"request_counts", "canceled"})), 200 - succeeded);
  EXPECT_EQ(api.totals().requests_billed, static_cast<std::uint64_t>(succeeded));
  EXPECT_EQ(api.cancel(id).status, 400);
}

TEST(SimBatch, WhatIsUnprocessedAfterADayExpires) {
  Api api(R"({"processing_time":"48h"})");
  const auto id = api.create(std::vector<std::string>(200, "x")).id();
  api.now += hours(24);
  const auto expired = std::stoi(api.retrieve(id).member({"request_counts", "expired"}));
  EXPECT_GT(expired, 60);
  EXPECT_LT(expired, 140);
}

TEST(SimBatch, ResultsAreGoneAfterTwentyNineDaysFromItsCreation) {
  Api api;
  const auto id = api.create({"one"}).id();
  api.now += hours(24 * 29) - Duration(1);
  EXPECT_EQ(api.results(id).status, 200);
  api.now += Duration(1);
  EXPECT_EQ(api.results(id).status, 404);
  EXPECT_EQ(api.retrieve(id).member({"archived_at"}), "\"2026-01-30T00:05:23.250001+00:00\"");
  EXPECT_EQ(api.retrieve(id).member({"results_url"}), "null");
}

TEST(SimBatch, IsDeletedOnlyAfterItsEnd) {
  Api api;
  const auto id = api.create({"one"}).id();
  EXPECT_EQ(api.remove(id).message(), "In progress batches cannot be deleted. Consider canceling the batch instead.");
  api.now += seconds(2);
  EXPECT_EQ(api.remove(id).body, "{\"id\":\"" + id + "\",\"type\":\"message_batch_deleted\"}");
  EXPECT_EQ(api.retrieve(id).status, 404);
  EXPECT_TRUE(ids_in(api.list().body).empty());
}

TEST(SimBatch, CountsMoveBeforeTheEndOnlyWithProgress) {
  Api still(R"({"processing_time":"10s"})"), moving(R"({"processing_time":"10s","progress":true})");
  const auto still_id = still.create(std::vector<std::string>(100, "x")).id();
  const auto moving_id = moving.create(std::vector<std::string>(100, "x")).id();
  still.now += seconds(5);
  moving.now += seconds(5);
  EXPECT_EQ(still.retrieve(still_id).member({"request_counts", "processing"}), "100");
  const auto left = std::stoi(moving.retrieve(moving_id).member({"request_counts", "processing"}));
  EXPECT_GT(left, 20);
  EXPECT_LT(left, 80);
}

TEST(SimBatch, BelongsToItsWorkspace) {
  Api api;
  const auto id = api.create({"one"}).id();
  EXPECT_EQ(api.call("POST", "/_sim/settings", R"({"workspace":"wrkspc_other"})").status, 200);
  EXPECT_EQ(api.retrieve(id).status, 404);
  EXPECT_TRUE(ids_in(api.list().body).empty());
}

TEST(SimList, PagesFromTheNewestToTheOldestAndBack) {
  Api api;
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) {
    ids.insert(ids.begin(), api.create({"one"}).id());
    api.now += seconds(1);
  }
  const auto slice = [&](std::size_t from, std::size_t to) {
    return std::vector<std::string>(ids.begin() + static_cast<std::ptrdiff_t>(from),
                                    ids.begin() + static_cast<std::ptrdiff_t>(to));
  };
  const auto first = api.list("?limit=3");
  EXPECT_EQ(ids_in(first.body), slice(0, 3));
  EXPECT_EQ(first.member({"has_more"}), "true");
  EXPECT_EQ(first.member({"first_id"}), "\"" + ids[0] + "\"");
  EXPECT_EQ(first.member({"last_id"}), "\"" + ids[2] + "\"");
  const auto second = api.list("?limit=3&after_id=" + ids[2]);
  EXPECT_EQ(ids_in(second.body), slice(3, 6));
  const auto third = api.list("?limit=3&after_id=" + ids[5]);
  EXPECT_EQ(ids_in(third.body), slice(6, 7));
  EXPECT_EQ(third.member({"has_more"}), "false");
  const auto back = api.list("?limit=3&before_id=" + ids[6]);
  EXPECT_EQ(ids_in(back.body), slice(3, 6));
  EXPECT_EQ(back.member({"has_more"}), "true");
  const auto start = api.list("?limit=10&before_id=" + ids[3]);
  EXPECT_EQ(ids_in(start.body), slice(0, 3));
  EXPECT_EQ(start.member({"has_more"}), "false");
}

TEST(SimList, AnEmptyPageHasNoIds) {
  Api api;
  EXPECT_EQ(api.list().body, R"({"data":[],"has_more":false,"first_id":null,"last_id":null})");
  const auto id = api.create({"one"}).id();
  EXPECT_EQ(api.list("?before_id=" + id).body, R"({"data":[],"has_more":false,"first_id":null,"last_id":null})");
}

TEST(SimList, HasTwentyBatchesAPageUnlessAsked) {
  Api api;
  for (int i = 0; i < 25; ++i) api.create({"one"});
  EXPECT_EQ(ids_in(api.list().body).size(), 20U);
  EXPECT_EQ(ids_in(api.list("?limit=1000").body).size(), 25U);
}

TEST(SimList, RefusesABadLimitOrCursor) {
  Api api;
  EXPECT_EQ(api.list("?limit=0").message(), "limit: Input should be greater than or equal to 1");
  EXPECT_EQ(api.list("?limit=1001").message(), "limit: Input should be less than or equal to 1000");
  EXPECT_EQ(api.list("?limit=x").status, 400);
  EXPECT_EQ(api.list("?after_id=msgbatch_none").status, 404);
  EXPECT_EQ(api.list("?after_id=a&before_id=b").status, 400);
}

}  // namespace
}  // namespace offpeak::sim
