// Result lines become outcomes many to a statement; what is known already is found out whatever else comes with it.
#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "queue_world.hpp"

namespace offpeak::testing {
namespace {

class RecordingTest : public ::testing::Test {
 protected:
  // A batch of so many requests of one job, ended.
  void send(std::uint32_t requests) {
    job_ = world_.add_job(requests);
    batch_ = world_.submit(world_.assign({{job_, 0, requests}}));
    world_.end(batch_);
  }

  std::vector<ResultRow> rows(Seq first, Seq end) const {
    std::vector<ResultRow> made;
    for (Seq seq = first; seq < end; ++seq) made.push_back(QueueWorld::result(job_, seq));
    return made;
  }

  RecordedResults record(const std::vector<ResultRow>& rows) {
    return world_.queue->record_results(batch_, world_.queue->begin_download(batch_), rows, world_now);
  }

  // Every request of the job once, at the place where its line lay; the sums are those of the lines, each once.
  void expect_all_recorded(std::uint32_t requests) {
    const auto outcomes = world_.queue->outcomes(job_, 0, requests);
    ASSERT_EQ(outcomes.size(), requests);
    for (const auto& outcome : outcomes) {
      const auto line = QueueWorld::result(job_, outcome.seq);
      EXPECT_EQ(outcome.offset, line.offset);
      EXPECT_EQ(outcome.bytes, line.bytes);
      EXPECT_EQ(outcome.checksum, line.checksum);
      EXPECT_EQ(outcome.batch, batch_);
    }
    expect_sums(requests);
    EXPECT_TRUE(world_.queue->collect(batch_, {}, world_now).complete);
    EXPECT_EQ(world_.queue->audit(std::nullopt).problems, std::vector<std::string>());
  }

  void expect_sums(std::int64_t lines) {
    const auto job = *world_.queue->job(job_);
    EXPECT_EQ(job.counts[RequestState::succeeded], lines);
    EXPECT_EQ(job.cost, lines * 120);
    EXPECT_EQ(world_.queue->tallies(job_).usage.at("input_tokens"), lines * 10);
    EXPECT_EQ(world_.queue->tallies(job_).stop_reasons.at("end_turn"), lines);
  }

  QueueWorld world_;
  JobId job_;
  BatchId batch_;
};

class RecordedCountTest : public RecordingTest, public ::testing::WithParamInterface<std::uint32_t> {};

TEST_P(RecordedCountTest, EveryLineIsRecordedOnceWhateverTheirNumber) {
  send(GetParam());
  const auto recorded = record(rows(0, GetParam()));
  EXPECT_EQ(recorded.recorded, GetParam());
  EXPECT_EQ(recorded.known, 0u);
  expect_all_recorded(GetParam());
}

INSTANTIATE_TEST_SUITE_P(AroundAStatement, RecordedCountTest,
                         ::testing::Values(1u, 2u, 63u, 64u, 65u, 127u, 128u, 129u, 1000u));

TEST_F(RecordingTest, LinesInAnyOrder) {
  send(300);
  auto all = rows(0, 300);
  std::mt19937 random(1);
  std::shuffle(all.begin(), all.end(), random);
  EXPECT_EQ(record(all).recorded, 300u);
  expect_all_recorded(300);
}

// Faults 30, 37: a download that begins anew brings lines that are known among those that are not.
TEST_F(RecordingTest, KnownLinesAmongNewOnesCountOnce) {
  send(300);
  EXPECT_EQ(record(rows(100, 200)).recorded, 100u);
  expect_sums(100);
  const auto recorded = record(rows(0, 300));
  EXPECT_EQ(recorded.recorded, 200u);
  EXPECT_EQ(recorded.known, 100u);
  EXPECT_EQ(world_.queue->outcomes(job_, 150, 1).at(0).download, 1u) << "the first line stays";
  EXPECT_EQ(world_.queue->outcomes(job_, 250, 1).at(0).download, 2u);
  expect_all_recorded(300);
}

TEST_F(RecordingTest, OneKnownLineOfMany) {
  for (const Seq known : {0u, 63u, 64u, 129u}) {
    send(130);
    record(rows(known, known + 1));
    const auto recorded = record(rows(0, 130));
    EXPECT_EQ(recorded.recorded, 129u) << known;
    EXPECT_EQ(recorded.known, 1u) << known;
    expect_all_recorded(130);
  }
}

TEST_F(RecordingTest, TheSameLineTwiceAtOnceCountsOnce) {
  send(200);
  auto all = rows(0, 200);
  all.push_back(all[70]);
  const auto recorded = record(all);
  EXPECT_EQ(recorded.recorded, 200u);
  EXPECT_EQ(recorded.known, 1u);
  expect_all_recorded(200);
}

// Fault 27: what asks for another attempt comes among what is final.
TEST_F(RecordingTest, AttemptsAmongManyOutcomes) {
  send(200);
  auto all = rows(0, 200);
  for (const Seq seq : {5u, 66u, 199u}) {
    all[seq] = QueueWorld::result(job_, seq, ResultAction::another, OutcomeType::expired);
  }
  EXPECT_EQ(record(all).recorded, 200u);
  expect_sums(197);
  // The same once more, but one of the three is final now: it beats its attempt.
  all[66] = QueueWorld::result(job_, 66);
  const auto recorded = record(all);
  EXPECT_EQ(recorded.recorded, 1u);
  EXPECT_EQ(recorded.known, 199u);
  expect_sums(198);
  const auto collected = world_.queue->collect(batch_, {}, world_now);
  EXPECT_TRUE(collected.complete);
  EXPECT_EQ(collected.again, 2u);
  EXPECT_EQ(world_.queue->audit(std::nullopt).problems, std::vector<std::string>());
}

TEST_F(RecordingTest, AnAttemptNeverBeatsTheOutcomeThatComesWithIt) {
  send(100);
  auto all = rows(0, 100);
  all.insert(all.begin() + 10, QueueWorld::result(job_, 10, ResultAction::another, OutcomeType::expired));
  all.push_back(QueueWorld::result(job_, 20, ResultAction::another, OutcomeType::expired));
  EXPECT_EQ(record(all).recorded, 101u) << "an attempt that a final line beat, and a hundred final lines";
  expect_all_recorded(100);
}

}  // namespace
}  // namespace offpeak::testing
