// What followed from a create call is stored, also where a full disk makes it be stored in two goes (fault 39).
#include "submit/create_record.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "submit/new_batch.hpp"

namespace offpeak {
namespace {

namespace fs = std::filesystem;

const Instant now = from_millis(1'800'000'000'000);

class CreateRecord : public ::testing::Test {
 protected:
  CreateRecord() {
    std::string pattern = (fs::temp_directory_path() / "offpeak-record-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    queue_ = std::make_unique<Queue>(folder_ + "/offpeak.db");
    add_job();
  }
  ~CreateRecord() override {
    queue_.reset();
    fs::remove_all(folder_);
  }

  void add_job() {
    Job job;
    job.id = queue_->announce_intake(IntakeSource::folder, "a.jsonl", {}, now);
    queue_->intake_in_claimed(job.id);
    std::vector<LineEntry> entries(4);
    for (std::size_t i = 0; i < entries.size(); ++i) {
      entries[i].offset = i * 100;
      entries[i].bytes = 99;
      entries[i].params_bytes = entries[i].sent_params_bytes = 50;
    }
    queue_->add_segments(job.id, 0, {encode_segment(entries)});
    job.name = "a";
    job.file = "a.jsonl";
    job.requests = 4;
    job.headers = {"2023-06-01", {}};
    job.data_name = "1";
    queue_->accept_job(job, false, false, now);
    job_ = job.id;
  }

  Intent committing(Seq first, std::uint32_t count, const std::string& nonce) {
    NewIntent plan;
    plan.nonce = nonce;
    plan.headers = {"2023-06-01", {}};
    plan.parts = {{{job_, first, count}, 0, 0, {}}};
    plan.requests = count;
    plan.bytes = 400;
    const auto id = queue_->create_intent(plan, now);
    queue_->mark_committing(id, now);
    return *queue_->intent(id);
  }

  static CreateVerdict answered_with(const std::string& provider_id, std::int64_t requests) {
    CreateVerdict verdict;
    verdict.kind = CreateVerdictKind::created;
    verdict.batch.emplace();
    verdict.batch->id = provider_id;
    verdict.batch->created_at = now;
    verdict.batch->expires_at = now + std::chrono::hours(24);
    verdict.batch->counts.processing = requests;
    return verdict;
  }

  static Consequence ends(IntentEnd end) {
    Consequence consequence;
    consequence.end = end;
    return consequence;
  }

  std::int64_t count(RequestState state) { return queue_->job(job_)->counts[state]; }

  std::string folder_;
  std::unique_ptr<Queue> queue_;
  JobId job_;
};

TEST_F(CreateRecord, StoresTheBatchAndLiftsThePause) {
  const auto intent = committing(0, 4, "one");
  queue_->pause_account("credit is used up", now, 2, now);
  record_create(*queue_, intent, answered_with("msgbatch_1", 4), ends(IntentEnd::created), std::nullopt, now);
  EXPECT_EQ(queue_->intent(intent.id)->state, IntentState::created);
  EXPECT_EQ(queue_->batch("msgbatch_1")->intent, intent.id);
  EXPECT_FALSE(queue_->account().paused);
}

// The disk filled up after the batch was stored: the repeat meets its own batch and must not take it for another.
TEST_F(CreateRecord, GoesOnWhereTheDiskFilledUpAfterTheBatchWasStored) {
  const auto intent = committing(0, 4, "one");
  queue_->pause_account("credit is used up", now, 2, now);
  queue_->record_created(intent.id, new_batch(*answered_with("msgbatch_1", 4).batch), true, now);
  record_create(*queue_, intent, answered_with("msgbatch_1", 4), ends(IntentEnd::created), std::nullopt, now);
  EXPECT_EQ(queue_->intent(intent.id)->state, IntentState::created);
  EXPECT_EQ(count(RequestState::submitted), 4);
  EXPECT_FALSE(queue_->account().paused);
}

TEST_F(CreateRecord, GoesOnWhereTheDiskFilledUpAfterARefusalWasStored) {
  const auto intent = committing(0, 4, "one");
  auto refused = ends(IntentEnd::refused);
  refused.refusal.reason = "credit";
  refused.account.emplace();
  refused.account->reason = "credit is used up";
  refused.account->next_try_at = now + std::chrono::minutes(1);
  refused.account->tries = 1;
  queue_->record_refused(intent.id, refused.refusal, now);
  record_create(*queue_, intent, {}, refused, std::nullopt, now);
  EXPECT_EQ(count(RequestState::pending), 4);
  EXPECT_TRUE(queue_->account().paused);
}

TEST_F(CreateRecord, AnAnswerThatNamesAnotherBatchOfOursLeavesTheIntentUnknown) {
  const auto first = committing(0, 2, "one");
  record_create(*queue_, first, answered_with("msgbatch_1", 2), ends(IntentEnd::created), std::nullopt, now);
  const auto second = committing(2, 2, "two");
  record_create(*queue_, second, answered_with("msgbatch_1", 2), ends(IntentEnd::created), std::nullopt, now);
  EXPECT_EQ(queue_->intent(second.id)->state, IntentState::unknown);
  EXPECT_TRUE(queue_->known_ids(second.id).contains("msgbatch_1"));
  EXPECT_EQ(count(RequestState::assigned), 2);
}

// Listed before its create was answered, it was taken by its count for the late twin of another create.
TEST_F(CreateRecord, AnAnswerSaysMoreThanACount) {
  const auto first = committing(0, 2, "one");
  queue_->mark_unknown(first.id, "no answer", now);
  queue_->record_not_created(first.id, now);
  const auto second = committing(2, 2, "two");
  queue_->adopt_twin(first.id, new_batch(*answered_with("msgbatch_1", 2).batch), false, now);
  record_create(*queue_, second, answered_with("msgbatch_1", 2), ends(IntentEnd::created), std::nullopt, now);
  EXPECT_EQ(queue_->intent(second.id)->state, IntentState::created);
  const auto batch = queue_->batch("msgbatch_1");
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->intent, second.id);
  EXPECT_FALSE(batch->twin);
  EXPECT_FALSE(batch->proven) << "two things speak for two intents: its results decide";
  EXPECT_EQ(queue_->audit(std::nullopt).problems, std::vector<std::string>());
}

TEST_F(CreateRecord, AnIntentThatIsGoneIsLeftGone) {
  Intent gone;
  gone.id = IntentId{99};
  record_create(*queue_, gone, answered_with("msgbatch_1", 4), ends(IntentEnd::created), std::nullopt, now);
  EXPECT_FALSE(queue_->batch("msgbatch_1"));
  EXPECT_EQ(count(RequestState::pending), 4);
}

TEST_F(CreateRecord, StoringAnUnknownEndTwiceChangesNothing) {
  const auto intent = committing(0, 4, "one");
  auto unknown = ends(IntentEnd::unknown);
  unknown.reason = "the connection was reset";
  for (int i = 0; i < 2; ++i) record_create(*queue_, intent, {}, unknown, std::nullopt, now);
  EXPECT_EQ(queue_->intent(intent.id)->state, IntentState::unknown);
  EXPECT_EQ(count(RequestState::assigned), 4);
}

TEST_F(CreateRecord, ADamagedClaimedFileHoldsItsJob) {
  NewIntent plan;
  plan.nonce = "one";
  plan.headers = {"2023-06-01", {}};
  plan.parts = {{{job_, 0, 4}, 0, 0, {}}};
  plan.requests = 4;
  plan.bytes = 400;
  const auto id = queue_->create_intent(plan, now);
  CreateVerdict verdict;
  verdict.message = "these bytes are not what was accepted";
  record_create(*queue_, *queue_->intent(id), verdict, ends(IntentEnd::refused), job_, now);
  EXPECT_EQ(queue_->job(job_)->state, JobState::held);
}

}  // namespace
}  // namespace offpeak
