// A look at a daemon at which nothing is wrong; each test changes one thing.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "waits/waits.hpp"

namespace offpeak::testing {

using namespace std::chrono_literals;

struct LookWorld {
  Status status;
  StageFacts stages;
  Config config;
  Instant now{Duration(1'790'000'000'000)};

  LookWorld() { stages.contact.note_ok(now - 1s); }

  Look look() const { return {status, stages, config, now}; }
  std::vector<Wait> waits() const { return waits_of(look()); }
  Health health() const { return health_of(waits()); }
  // The only one of this kind.
  Wait only(WaitKind kind) const {
    std::vector<Wait> found;
    for (const auto& wait : waits()) {
      if (wait.kind == kind) found.push_back(wait);
    }
    EXPECT_EQ(found.size(), 1U) << to_text(kind);
    return found.empty() ? Wait() : found.front();
  }

  void pending(std::int64_t count) { status.counts[RequestState::pending] = count; }
  void fails(CallFailureKind kind, int http_status, std::string message, Duration ago) {
    CallFailure failure;
    failure.kind = kind;
    failure.http_status = http_status;
    failure.message = std::move(message);
    stages.contact.note_failure(failure, now - ago);
  }
};

inline Job open_job(JobState state = JobState::running) {
  Job job;
  job.id = JobId{7};
  job.name = "reviews";
  job.state = state;
  job.requests = 100;
  return job;
}

inline WaitingBatch batch_of(std::int64_t id, Instant created_at) {
  WaitingBatch batch;
  batch.id = BatchId{id};
  batch.provider_id = "msgbatch_" + std::to_string(id);
  batch.created_at = created_at;
  batch.expires_at = created_at + 24h;
  batch.requests = 100;
  return batch;
}

}  // namespace offpeak::testing
