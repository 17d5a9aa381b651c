// What every Provider must do, whatever stands behind it: instantiate ProviderConformance with a World that
// has a fresh, empty workspace behind a provider.
//
//   INSTANTIATE_TYPED_TEST_SUITE_P(OverHttp, ProviderConformance, HttpWorld);
#pragma once

#include <gtest/gtest.h>

#include "provider/verdict.hpp"
#include "unit/provider/doors.hpp"

namespace offpeak::test {

// A World offers: Provider& provider(); T run(Task<T>); void end_all() (ends every batch, all requests
// succeeded).
template <class World>
class ProviderConformance : public ::testing::Test {
 protected:
  Provider& provider() { return world.provider(); }

  CreateAnswer create(int requests) {
    TextSource body(create_body(requests));
    CountingCommit commit;
    auto answer = world.run(provider().create(header_group(), body, commit));
    EXPECT_EQ(commit.asked, 1);
    return answer;
  }
  std::string created_id(int requests) {
    const auto verdict = verdict_on_create(create(requests));
    EXPECT_EQ(verdict.kind, CreateVerdictKind::created) << verdict.message;
    return verdict.batch ? verdict.batch->id : "";
  }
  ListPage list(ListQuery query = ListQuery()) {
    auto page = world.run(provider().list(std::move(query)));
    EXPECT_TRUE(page.ok());
    return page.ok() ? page.value() : ListPage();
  }

  World world;
};

TYPED_TEST_SUITE_P(ProviderConformance);

TYPED_TEST_P(ProviderConformance, ACreatedBatchIsListedFirstAndCanBeRetrieved) {
  const auto first = this->created_id(1);
  const auto second = this->created_id(2);
  const auto page = this->list();
  ASSERT_EQ(page.batches.size(), 2U);
  EXPECT_EQ(page.batches[0].id, second);
  EXPECT_EQ(page.batches[1].id, first);
  EXPECT_EQ(page.batches[0].counts.total(), 2);
  EXPECT_FALSE(page.has_more);
  const auto batch = this->world.run(this->provider().retrieve(second));
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch.value().id, second);
  EXPECT_EQ(batch.value().counts.total(), 2);
  EXPECT_EQ(batch.value().status, ProcessingStatus::in_progress);
}

TYPED_TEST_P(ProviderConformance, WithoutCommitNothingIsCreated) {
  TextSource body(create_body(2));
  CountingCommit commit;
  commit.consent = false;
  const auto answer = this->world.run(this->provider().create(header_group(), body, commit));
  EXPECT_FALSE(answer.last_byte_left);
  EXPECT_TRUE(answer.source_failed);
  EXPECT_EQ(commit.asked, 1);
  EXPECT_EQ(verdict_on_create(answer).kind, CreateVerdictKind::not_sent);
  EXPECT_TRUE(this->list().batches.empty());
}

TYPED_TEST_P(ProviderConformance, PagesGoBothWays) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(this->created_id(1));
  ListQuery query;
  query.limit = 2;
  auto page = this->list(query);
  ASSERT_EQ(page.batches.size(), 2U);
  EXPECT_EQ(page.batches[0].id, ids[4]);
  EXPECT_TRUE(page.has_more);
  EXPECT_EQ(page.first_id, ids[4]);
  EXPECT_EQ(page.last_id, ids[3]);
  query.after_id = page.last_id;
  page = this->list(query);
  ASSERT_EQ(page.batches.size(), 2U);
  EXPECT_EQ(page.batches[0].id, ids[2]);
  query = ListQuery();
  query.before_id = ids[3];
  page = this->list(query);
  ASSERT_EQ(page.batches.size(), 1U);
  EXPECT_EQ(page.batches[0].id, ids[4]);
  EXPECT_FALSE(page.has_more);
}

TYPED_TEST_P(ProviderConformance, AnEmptyWorkspaceHasAnEmptyPage) {
  const auto page = this->list();
  EXPECT_TRUE(page.batches.empty());
  EXPECT_FALSE(page.has_more || page.first_id || page.last_id);
}

TYPED_TEST_P(ProviderConformance, ResultsAreThereOnceItHasEnded) {
  const auto id = this->created_id(3);
  TextSink sink;
  auto early = this->world.run(this->provider().results(id, sink));
  ASSERT_FALSE(early.ok());
  EXPECT_EQ(early.failure().kind, CallFailureKind::not_found);
  this->world.end_all();
  const auto got = this->world.run(this->provider().results(id, sink));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(std::get<0>(got.answer), sink.text.size());
  EXPECT_EQ(std::count(sink.text.begin(), sink.text.end(), '\n'), 3);
  for (const char* wire_id : {"n-0", "n-1", "n-2"}) EXPECT_NE(sink.text.find(wire_id), std::string::npos);
  const auto batch = this->world.run(this->provider().retrieve(id));
  EXPECT_EQ(batch.value().status, ProcessingStatus::ended);
  EXPECT_TRUE(batch.value().ended_at);
}

TYPED_TEST_P(ProviderConformance, AFullSinkStopsTheDownload) {
  const auto id = this->created_id(3);
  this->world.end_all();
  TextSink sink;
  sink.full = true;
  const auto got = this->world.run(this->provider().results(id, sink));
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.failure().kind, CallFailureKind::stopped);
  EXPECT_NE(got.failure().message.find("the disk is full"), std::string::npos);
}

TYPED_TEST_P(ProviderConformance, CancelAnswersWithTheBatch) {
  const auto id = this->created_id(1);
  const auto batch = this->world.run(this->provider().cancel(id));
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch.value().id, id);
  EXPECT_NE(batch.value().status, ProcessingStatus::in_progress);
  EXPECT_TRUE(batch.value().cancel_initiated_at);
}

TYPED_TEST_P(ProviderConformance, AnUnknownIdIsNotFound) {
  const auto batch = this->world.run(this->provider().retrieve("msgbatch_nobody"));
  ASSERT_FALSE(batch.ok());
  EXPECT_EQ(batch.failure().kind, CallFailureKind::not_found);
  const auto canceled = this->world.run(this->provider().cancel("msgbatch_nobody"));
  ASSERT_FALSE(canceled.ok());
  EXPECT_EQ(canceled.failure().kind, CallFailureKind::not_found);
}

REGISTER_TYPED_TEST_SUITE_P(ProviderConformance, ACreatedBatchIsListedFirstAndCanBeRetrieved,
                            WithoutCommitNothingIsCreated, PagesGoBothWays, AnEmptyWorkspaceHasAnEmptyPage,
                            ResultsAreThereOnceItHasEnded, AFullSinkStopsTheDownload, CancelAnswersWithTheBatch,
                            AnUnknownIdIsNotFound);

}  // namespace offpeak::test
