// A claim with everything around it: batches that ended at the provider, that this state has forgotten, and that an
// operator has claimed; files that fail when a test wants it.
#pragma once

#include <filesystem>

#include "results/claimer.hpp"
#include "support/strange_batch.hpp"
#include "unit/ingest/faulty_files.hpp"
#include "unit/results/stage_world.hpp"

namespace offpeak::testing {

class ClaimWorld : public ::testing::Test {
 protected:
  static constexpr const char* lost = "msgbatch_lost";
  static constexpr const char* lost_nonce = "0123456789abcdef01234567";

  ClaimWorld()
      : world(folder),
        claimer(
            {world.database, world.provider, files, world.worker, world.clock, world.random, world.log, world.config},
            bell) {
    std::filesystem::create_directories(world.config.paths.downloads());
  }
  ~ClaimWorld() override { world.stop(); }

  static Fingerprint print_of(JobId job, Seq seq) { return fingerprint(StageWorld::params_of(job, seq), 0); }
  // Request `seq` of a job as its results tell of it.
  static std::string line_of(JobId job, Seq seq, std::uint32_t place, const std::string& text = "ok") {
    return result_line(lost_nonce, place, succeeded_value(text), print_of(job, seq));
  }
  static std::vector<std::string> lines_of(JobId job, std::uint32_t requests) {
    std::vector<std::string> lines;
    for (Seq seq = 0; seq < requests; ++seq) lines.push_back(line_of(job, seq, seq));
    return lines;
  }
  static std::string body_of(const std::vector<std::string>& lines) {
    std::string body;
    for (const auto& line : lines) body += line;
    return body;
  }

  // The provider has a batch of so many requests, which ended with these results; the operator has claimed it.
  void lose(const std::string& name, std::uint32_t requests, const std::string& body) {
    ProviderBatch told;
    told.id = name;
    told.status = ProcessingStatus::ended;
    told.counts.succeeded = requests;
    told.created_at = told.ended_at.emplace(world.clock.now());
    told.expires_at = world.clock.now() + std::chrono::hours(24);
    world.provider.batches.push_back(told);
    world.provider.downloads[name] = {{body, std::nullopt}};
    find_strange(world.queue, name, 1000 * std::int64_t{requests}, told.created_at + std::chrono::hours(1),
                 world.clock.now());
    ASSERT_EQ(world.queue.claim_unexplained(name, false), Decided::done);
  }
  void lose(const std::vector<std::string>& lines) {
    lose(lost, static_cast<std::uint32_t>(lines.size()), body_of(lines));
  }
  // A job all of whose requests were run by a batch that is claimed.
  JobId lose_job(std::uint32_t requests) {
    const auto job = world.add_job(requests);
    lose(lines_of(job, requests));
    return job;
  }

  void start() { world.start(claimer.run()); }
  void look() {
    bell.notify();
    world.clock.run_until_idle();
  }
  UnexplainedBatch claim() { return world.queue.unexplained(lost).value(); }
  // Requests that would be sent now, if submitting were not held.
  std::uint32_t ready() {
    std::uint32_t requests = 0;
    for (const auto& job : world.queue.pack_view(world.clock.now(), 10'000).jobs) {
      for (const auto& pending : job.pending) requests += pending.range.count;
    }
    return requests;
  }
  // Requests of a job that wait for the results of the batch.
  std::uint32_t claimed_of(JobId job) {
    const auto batch = world.queue.batch(lost);
    std::uint32_t requests = 0;
    if (!batch) return requests;
    for (const auto& run : world.queue.assignments(batch->intent)) {
      if (run.range.job == job) requests += run.range.count;
    }
    return requests;
  }

  // Nothing is decided: the claim says why it waits and until when, nothing is booked, nothing is sent meanwhile.
  void expect_waits(std::string_view reason) {
    EXPECT_EQ(claim().state, "claiming");
    EXPECT_NE(claim().reason.value_or("").find(reason), std::string::npos) << claim().reason.value_or("nothing");
    EXPECT_GT(claim().next_action_at.value_or(Instant()), world.clock.now() - std::chrono::seconds(1));
    EXPECT_FALSE(world.queue.batch(lost));
    EXPECT_TRUE(world.queue.pack_view(world.clock.now(), 10).unexplained_batches);
  }
  // So many of the batch's lines are requests of this job: they are not sent again, and submitting goes on.
  void expect_claimed(JobId job, std::uint32_t requests) {
    EXPECT_EQ(claim().state, "claimed") << claim().reason.value_or("");
    EXPECT_EQ(claim().matched, requests);
    EXPECT_EQ(claimed_of(job), requests);
    EXPECT_TRUE(world.log.has("info claim.recorded"));
    EXPECT_FALSE(world.queue.pack_view(world.clock.now(), 10).unexplained_batches);
    EXPECT_FALSE(std::filesystem::exists(folder / "downloads/claim.download"));
    expect_sound();
  }
  void expect_sound() {
    EXPECT_FALSE(world.group.failure());
    for (const auto& problem : world.queue.audit(std::nullopt).problems) ADD_FAILURE() << problem;
  }

  TemporaryFolder folder;
  StageWorld world;
  FaultyFiles files;
  Wakeup& bell = world.bells.of(Stage::claim);
  Claimer claimer;
};

}  // namespace offpeak::testing
