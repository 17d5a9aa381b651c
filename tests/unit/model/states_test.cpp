// The words of the contract and every legal change between them.
#include "model/states.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace offpeak {
namespace {

// Every legal change as "from>to", over `count` states.
template <class State>
std::set<std::string> changes(int count) {
  std::set<std::string> found;
  for (int from = 0; from < count; ++from) {
    for (int to = 0; to < count; ++to) {
      if (may_change(static_cast<State>(from), static_cast<State>(to))) {
        found.insert(std::string(to_text(static_cast<State>(from))) + ">" +
                     std::string(to_text(static_cast<State>(to))));
      }
    }
  }
  return found;
}

TEST(States, WordsAreThoseOfTheContract) {
  for (const auto* word : {"pending", "assigned", "submitted", "succeeded", "errored", "expired", "canceled"}) {
    ASSERT_TRUE(parse_request_state(word)) << word;
    EXPECT_EQ(to_text(*parse_request_state(word)), word);
  }
  for (const auto* word : {"queued", "running", "held", "canceling", "done", "canceled"}) {
    ASSERT_TRUE(parse_job_state(word)) << word;
    EXPECT_EQ(to_text(*parse_job_state(word)), word);
  }
  for (const auto* word : {"uploading", "committing", "created", "rejected", "unknown", "not_created"}) {
    ASSERT_TRUE(parse_intent_state(word)) << word;
    EXPECT_EQ(to_text(*parse_intent_state(word)), word);
  }
  for (const auto* word : {"in_progress", "canceling", "ended", "collected"}) {
    ASSERT_TRUE(parse_batch_state(word)) << word;
    EXPECT_EQ(to_text(*parse_batch_state(word)), word);
  }
  for (const auto* word : {"succeeded", "errored", "expired", "canceled"}) {
    ASSERT_TRUE(parse_outcome_type(word)) << word;
    EXPECT_EQ(to_text(*parse_outcome_type(word)), word);
    EXPECT_EQ(to_text(as_request_state(*parse_outcome_type(word))), word);
  }
}

TEST(States, OtherWordsAreRefused) {
  for (const auto* word : {"", "Pending", "pending ", "cancelled", "done"}) {
    EXPECT_FALSE(parse_request_state(word)) << word;
    EXPECT_FALSE(parse_intent_state(word)) << word;
    EXPECT_FALSE(parse_batch_state(word)) << word;
    EXPECT_FALSE(parse_outcome_type(word)) << word;
  }
  EXPECT_FALSE(parse_job_state("pending"));
}

TEST(States, ARequestIsSentOnlyFromPending) {
  const auto legal = changes<RequestState>(7);
  for (const auto& change : legal) {
    if (change.ends_with(">assigned")) {
      EXPECT_TRUE(change == "pending>assigned" || change == "submitted>assigned") << change;
    }
    if (change.ends_with(">submitted")) EXPECT_EQ(change, "assigned>submitted");
  }
  EXPECT_TRUE(legal.contains("submitted>pending"));
  EXPECT_FALSE(legal.contains("pending>submitted"));
}

TEST(States, AnOutcomeNeverBecomesAnotherOne) {
  for (const auto from :
       {RequestState::succeeded, RequestState::errored, RequestState::expired, RequestState::canceled}) {
    for (const auto to :
         {RequestState::succeeded, RequestState::errored, RequestState::expired, RequestState::canceled}) {
      EXPECT_FALSE(may_change(from, to)) << to_text(from) << " to " << to_text(to);
    }
  }
  EXPECT_FALSE(may_change(RequestState::succeeded, RequestState::pending)) << "what was paid for is never sent again";
}

TEST(States, AnUnknownIntentIsSettledNeverResent) {
  const auto legal = changes<IntentState>(6);
  EXPECT_TRUE(legal.contains("unknown>created"));
  EXPECT_TRUE(legal.contains("unknown>not_created"));
  EXPECT_FALSE(legal.contains("unknown>uploading"));
  EXPECT_FALSE(legal.contains("unknown>committing"));
  EXPECT_FALSE(legal.contains("committing>not_created")) << "only lists prove that";
  EXPECT_FALSE(legal.contains("uploading>unknown")) << "before the last byte the truth is known";
  EXPECT_FALSE(legal.contains("uploading>created")) << "committing is made durable first";
  for (const auto& change : legal) EXPECT_FALSE(change.starts_with("rejected>")) << change;
}

TEST(States, ABatchGoesForwardOnly) {
  EXPECT_EQ(
      changes<BatchState>(4),
      (std::set<std::string>{"in_progress>in_progress", "canceling>canceling", "ended>ended", "collected>collected",
                             "in_progress>canceling", "in_progress>ended", "canceling>ended", "ended>collected"}));
}

TEST(States, EveryJobCanEndAndAnEndedOneCanBeRetried) {
  for (const auto from : {JobState::queued, JobState::running, JobState::held}) {
    EXPECT_TRUE(may_change(from, JobState::canceling));
    EXPECT_TRUE(may_change(from, JobState::done));
    EXPECT_FALSE(may_change(from, from));
  }
  EXPECT_TRUE(may_change(JobState::canceling, JobState::canceled));
  EXPECT_TRUE(may_change(JobState::done, JobState::queued));
  EXPECT_TRUE(may_change(JobState::canceled, JobState::queued));
  EXPECT_FALSE(may_change(JobState::canceling, JobState::running));
}

}  // namespace
}  // namespace offpeak
