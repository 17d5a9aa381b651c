// The submit protocol step by step: what leaves, when, and what follows (product contract 6; faults 2 to 12, 39).
#include "submit/submitter.hpp"

#include "base/json.hpp"
#include "support/full_disk.hpp"
#include "support/sync_spy.hpp"
#include "unit/submit/submit_world.hpp"

namespace offpeak {
namespace {

using namespace std::chrono_literals;
using testing::api_error;
using testing::FullDisk;
using testing::http_answer;
using testing::ScriptedCreate;
using testing::SyncSpy;

class SubmitterTest : public testing::SubmitTest {
 protected:
  void start() { world.start(submitter->run()); }
  ScriptedCreate answers(HttpAnswer answer) {
    ScriptedCreate script;
    script.answer = std::move(answer);
    return script;
  }
};

TEST_F(SubmitterTest, SendsExactlyWhatWasPlannedOnce) {
  const auto job = world.add_job(3);
  const auto id = plan();
  start();
  ASSERT_EQ(provider.bodies.size(), 1u);
  const auto nonce = world.queue.intent(id)->nonce;
  std::string expected = R"({"requests":[)";
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto params = fmt::format(R"({{"model":"m","job":{},"n":{}}})", job.value, i);
    const auto id_on_the_wire = wire_id({nonce, i, fingerprint(params, fingerprint_seed(""))});
    expected += fmt::format(R"({}{{"custom_id":"{}","params":{}}})", i == 0 ? "" : ",", id_on_the_wire, params);
  }
  EXPECT_EQ(provider.bodies[0], expected + "]}");
  EXPECT_EQ(state(id), IntentState::created);
  EXPECT_EQ(count(job, RequestState::submitted), 3);
  world.clock.advance(10h);
  EXPECT_EQ(provider.bodies.size(), 1u);
}

// Faults 2, 3: the row is on the disk before the last byte leaves, and not before the others have.
TEST_F(SubmitterTest, TheLastByteLeavesOnlyWhenCommittingIsOnTheDisk) {
  world.add_job(2);
  const auto id = plan();
  SyncSpy spy;
  std::map<std::string, IntentState> seen;
  provider.on_step = [&](const std::string& step) {
    spy.note(step);
    seen[step] = state(id);
  };
  start();
  EXPECT_EQ(seen["body sent"], IntentState::uploading);
  EXPECT_EQ(seen["last byte"], IntentState::committing);
  const auto steps = spy.steps();
  const auto sent = spy.first("body sent");
  const auto last = spy.first("last byte");
  ASSERT_GE(sent, 0);
  ASSERT_GT(last, sent + 1) << "nothing was synced between the two:\n" << spy.text();
  for (int i = sent + 1; i < last; ++i) EXPECT_TRUE(steps[static_cast<std::size_t>(i)].ends_with("offpeak.db-wal"));
}

TEST_F(SubmitterTest, ALargeBodyOfSeveralJobsIsWholeAcrossBlocksAndSegments) {
  const auto first = world.add_job(2500, "first");
  const auto second = world.add_job(9000, "second");
  plan();
  start();
  ASSERT_EQ(provider.bodies.size(), 1u);
  const auto& body = provider.bodies[0];
  EXPECT_GT(body.size(), 900u * 1024) << "more than one block";
  JsonChecker checker;
  EXPECT_FALSE(checker.check(body));
  for (const auto job : {first, second}) {
    const auto requests = world.job(job).requests;
    for (std::int64_t n = 0; n < requests; n += 511) {
      EXPECT_NE(body.find(fmt::format(R"("job":{},"n":{}}})", job.value, n)), std::string::npos)
          << job.value << " " << n;
    }
    EXPECT_EQ(count(job, RequestState::submitted), requests);
  }
}

// A job of one request with these params and defaults.
JobId add_job_with(testing::StageWorld& world, const TemporaryFolder& folder, const std::string& params,
                   const std::string& defaults) {
  const auto id = world.queue.announce_intake(IntakeSource::folder, "d.jsonl", {}, world.clock.now());
  const std::string line = R"({"custom_id":"a","params":)" + params + "}";
  LineEntry entry;
  entry.bytes = static_cast<std::uint32_t>(line.size());
  entry.params_offset = static_cast<std::uint32_t>(line.find(params));
  entry.params_bytes = static_cast<std::uint32_t>(params.size());
  entry.sent_params_bytes = static_cast<std::uint32_t>(merge_defaults(params, defaults).size());
  entry.checksum = checksum32(params);
  Job job;
  job.id = id;
  job.name = "d";
  job.file = "d.jsonl";
  job.created_at = world.clock.now();
  job.requests = 1;
  job.headers.version = "2023-06-01";
  job.digest = digest128(params + std::to_string(id.value));
  job.data_name = std::to_string(id.value);
  job.defaults = defaults;
  folder.write("claimed/" + job.data_name, line);
  world.queue.intake_in_claimed(id);
  world.add_index(id, {entry});
  world.queue.accept_job(job, false, false, world.clock.now());
  return id;
}

TEST_F(SubmitterTest, DefaultsAreMergedUnderWhatTheLineLacks) {
  add_job_with(world, folder, R"({"model":"m"})", R"({"model":"x","max_tokens":7})");
  plan();
  start();
  EXPECT_NE(provider.bodies.at(0).find(R"("params":{"model":"m","max_tokens":7}})"), std::string::npos);
}

// However long they are, no buffer holds them.
TEST_F(SubmitterTest, ParamsLongerThanAnyBlockTravelByteForByte) {
  for (const std::size_t bytes : {512U * 1024 - 20, 512U * 1024 + 1, 3'000'000U}) {
    for (const std::string defaults : {"", R"({"model":"x","max_tokens":7})"}) {
      SCOPED_TRACE(fmt::format("{} {}", bytes, defaults));
      const auto params = R"({"model":"m","system":")" + std::string(bytes, 's') + "\"}";
      add_job_with(world, folder, params, defaults);
      plan();
      if (provider.bodies.empty()) start();
      submit_bell.notify();
      world.clock.run_until_idle();
      const auto& body = provider.bodies.back();
      const auto merged = defaults.empty() ? params : params.substr(0, params.size() - 1) + R"(,"max_tokens":7})";
      ASSERT_NE(body.find(merged), std::string::npos);
      const auto id = json_decode_string(*json_path(body.substr(body.find('[') + 1), {"custom_id"}));
      EXPECT_EQ(parse_wire_id(id)->fingerprint, fingerprint(params, fingerprint_seed(defaults)));
    }
  }
}

TEST_F(SubmitterTest, LongParamsThatChangedAreNeverSentWhole) {
  const auto job = add_job_with(world, folder, R"({"model":"m","system":")" + std::string(2'000'000, 's') + "\"}", "");
  auto text = folder.read(fmt::format("claimed/{}", job.value));
  text[1'000'000] = 't';
  folder.write(fmt::format("claimed/{}", job.value), text);
  const auto id = plan();
  start();
  EXPECT_EQ(state(id), IntentState::rejected);
  EXPECT_TRUE(provider.batches.empty());
  EXPECT_EQ(world.job(job).state, JobState::held);
}

// Fault 44: what lies in claimed/ is not what was accepted.
TEST_F(SubmitterTest, BytesThatChangedSinceTheyWereAcceptedAreNeverSent) {
  const auto job = world.add_job(2);
  auto text = folder.read("claimed/1");
  const auto at = text.find(R"("n":1)");
  ASSERT_NE(at, std::string::npos);
  text[at + 4] = '9';
  folder.write("claimed/1", text);
  const auto id = plan();
  start();
  EXPECT_EQ(state(id), IntentState::rejected);
  EXPECT_TRUE(provider.batches.empty());
  EXPECT_EQ(world.job(job).state, JobState::held);
  EXPECT_NE(world.job(job).reason.value_or("").find("not what was accepted"), std::string::npos);
  EXPECT_EQ(count(job, RequestState::pending), 2);
}

TEST_F(SubmitterTest, AClaimedFileThatIsShorterThanItWasHoldsItsJobAlone) {
  const auto good = world.add_job(2, "good");
  const auto cut = world.add_job(2, "cut");
  folder.write("claimed/2", folder.read("claimed/2").substr(0, 20));
  const auto id = plan();
  start();
  EXPECT_EQ(state(id), IntentState::rejected);
  EXPECT_EQ(world.job(cut).state, JobState::held);
  EXPECT_NE(world.job(good).state, JobState::held);
  EXPECT_TRUE(provider.batches.empty());
}

TEST_F(SubmitterTest, AMissingClaimedFileHoldsItsJob) {
  const auto job = world.add_job(2);
  std::filesystem::remove(folder / "claimed/1");
  plan();
  start();
  EXPECT_EQ(world.job(job).state, JobState::held);
  EXPECT_TRUE(provider.batches.empty());
}

// What only fails to open may be there again in a minute.
TEST_F(SubmitterTest, AClaimedFileThatCannotBeOpenedJustNowIsTriedAgain) {
  const auto job = world.add_job(2);
  std::filesystem::rename(folder / "claimed/1", folder / "claimed/real");
  std::filesystem::create_symlink(folder / "claimed/real", folder / "claimed/1");  // no link is followed
  const auto id = plan();
  start();
  EXPECT_EQ(state(id), IntentState::rejected);
  EXPECT_NE(world.job(job).state, JobState::held);
  EXPECT_EQ(count(job, RequestState::pending), 2);
  EXPECT_GT(world.queue.create_delay().tries, 0);
}

TEST_F(SubmitterTest, ABodyThatIsNotAsLongAsItWasCountedIsNotSent) {
  for (const std::uint64_t more : {std::uint64_t{3}, std::uint64_t{0} - 3}) {
    const auto job = world.add_job(2, fmt::format("job{}", more));
    const auto id = plan(more);
    if (more == 3) start();
    submit_bell.notify();
    world.clock.run_until_idle();
    EXPECT_EQ(state(id), IntentState::rejected);
    EXPECT_NE(world.queue.intent(id)->reason.value_or("").find("bytes"), std::string::npos);
    world.queue.cancel_job(job, world.clock.now());
  }
  EXPECT_TRUE(provider.batches.empty());
}

// Fault 4.
TEST_F(SubmitterTest, ALostAnswerLeavesTheIntentUnknownAndNothingIsSentAgain) {
  const auto job = world.add_job(2);
  provider.creates = {ScriptedCreate()};
  const auto id = plan();
  start();
  world.clock.advance(24h);
  EXPECT_EQ(state(id), IntentState::unknown);
  EXPECT_EQ(count(job, RequestState::assigned), 2);
  EXPECT_EQ(provider.bodies.size(), 1u);
  EXPECT_TRUE(world.log.has("create.unknown"));
}

// Fault 12.
TEST_F(SubmitterTest, AnEarlyAnswerMeansThatNothingWasCreatedWhateverItSays) {
  const auto job = world.add_job(2);
  ScriptedCreate early = answers(http_answer(200, R"({"id":"msgbatch_early"})"));
  early.when = ScriptedCreate::When::early;
  provider.creates = {early};
  const auto id = plan();
  start();
  EXPECT_EQ(state(id), IntentState::rejected);
  EXPECT_EQ(count(job, RequestState::pending), 2);
}

// Fault 6: the id counts, and the odd count is an alarm.
TEST_F(SubmitterTest, ABatchWithAnotherCountIsRecordedAndReported) {
  const auto job = world.add_job(2);
  ProviderBatch made;
  made.id = "msgbatch_odd";
  made.counts.processing = 7;
  made.created_at = made.expires_at = world.clock.now();
  provider.creates = {answers(http_answer(200, testing::batch_json(made)))};
  plan();
  start();
  EXPECT_EQ(count(job, RequestState::submitted), 2);
  EXPECT_TRUE(world.queue.batch("msgbatch_odd"));
  EXPECT_TRUE(world.log.has("error batch.counts_differ"));
}

// Fault 5: only the id can be read. Its times are ours, so that nothing is taken for lost.
TEST_F(SubmitterTest, AnAnswerOfWhichOnlyTheIdCanBeReadIsABatchFromNowOn) {
  world.add_job(2);
  provider.creates = {answers(http_answer(200, R"({"id":"msgbatch_half","type":"message_batch","proc)"))};
  plan();
  start();
  const auto batch = world.queue.batch("msgbatch_half");
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->created_at, world.clock.now());
  EXPECT_EQ(batch->processing, 2);
  EXPECT_FALSE(world.log.has("batch.counts_differ"));
}

// Fault 11.
TEST_F(SubmitterTest, AnAccountFaultPausesAndTheNextAcceptedCreateEndsIt) {
  const auto job = world.add_job(2);
  provider.creates = {answers(api_error(401, "authentication_error", "invalid x-api-key"))};
  plan();
  start();
  EXPECT_TRUE(world.queue.account().paused);
  EXPECT_TRUE(world.log.has("error account.paused"));
  EXPECT_EQ(count(job, RequestState::pending), 2);
  plan();
  submit_bell.notify();
  world.clock.run_until_idle();
  EXPECT_FALSE(world.queue.account().paused);
  EXPECT_EQ(count(job, RequestState::submitted), 2);
}

TEST_F(SubmitterTest, AnAcceptedCreateEndsTheDelayOfFailedOnes) {
  world.add_job(2);
  provider.creates = {answers(api_error(429, "rate_limit_error", "slow down"))};
  plan();
  start();
  EXPECT_EQ(world.queue.create_delay().tries, 1);
  plan();
  submit_bell.notify();
  world.clock.run_until_idle();
  EXPECT_EQ(world.queue.create_delay().tries, 0);
}

TEST_F(SubmitterTest, ALoneRequestIsErroredOnceAnotherCreateWasAcceptedSinceItWasRefused) {
  const auto job = world.add_job(1, "bad");
  provider.creates = {answers(api_error(400, "invalid_request_error", "no idea"))};
  plan();
  start();
  EXPECT_EQ(count(job, RequestState::pending), 1) << "its headers may be at fault";
  EXPECT_FALSE(world.queue.account().paused);
  world.queue.hold_job(job, "aside");
  world.clock.advance(1min);
  world.add_job(1, "good");
  plan();
  submit_bell.notify();
  world.clock.run_until_idle();
  EXPECT_FALSE(world.queue.account().paused);
  world.queue.release_job(job);
  provider.creates = {answers(api_error(400, "invalid_request_error", "no idea"))};
  plan();
  submit_bell.notify();
  world.clock.run_until_idle();
  EXPECT_EQ(count(job, RequestState::errored), 1);
  EXPECT_FALSE(world.queue.account().paused);
}

// The packer and the submitter in turn, until nothing goes any more.
TEST_F(SubmitterTest, WordsAboutEveryCallHoldTheJobWithThemAfterFewCreates) {
  const auto job = world.add_job(64, "bad");
  start();
  int creates = 0;
  for (; world.job(job).state != JobState::held && creates < 100; ++creates) {
    provider.creates = {answers(api_error(400, "invalid_request_error", "Unexpected value for the header"))};
    ASSERT_TRUE(plan_as_packed());
    submit_bell.notify();
    world.clock.advance(1s);
  }
  EXPECT_LE(creates, 2 * 6 + 10);
  EXPECT_EQ(world.job(job).state, JobState::held);
  EXPECT_NE(world.job(job).reason.value().find("Unexpected value for the header"), std::string::npos);
  EXPECT_EQ(count(job, RequestState::pending), 64);
  EXPECT_TRUE(world.log.has("error jobs.held"));
  // Once the words are gone everything goes, at once.
  world.queue.release_job(job);
  for (int i = 0; i < 100 && plan_as_packed(); ++i) {
    submit_bell.notify();
    world.clock.advance(1s);
  }
  EXPECT_EQ(count(job, RequestState::submitted), 64);
}

// A culprit that nobody names is found, and nothing else is lost.
TEST_F(SubmitterTest, OneCulpritIsFoundWhereverItIs) {
  for (const std::uint32_t culprit : {0u, 1u, 17u, 30u, 31u}) {
    const auto job = world.add_job(32, fmt::format("job{}", culprit));
    if (culprit == 0) start();
    for (int creates = 0; creates < 40 && plan_as_packed(); ++creates) {
      if (carries(job, culprit)) {
        provider.creates = {answers(api_error(400, "invalid_request_error", "something is wrong"))};
      }
      submit_bell.notify();
      world.clock.advance(1s);
    }
    EXPECT_EQ(count(job, RequestState::errored), 1) << culprit;
    EXPECT_EQ(count(job, RequestState::submitted), 31) << culprit;
    EXPECT_EQ(world.job(job).state, JobState::running);
  }
}

// Fault 39: without space `committing` cannot be made durable, so the last byte stays here.
TEST_F(SubmitterTest, OnAFullDiskTheLastByteStaysHere) {
  const auto job = world.add_job(2);
  const auto id = plan();
  std::unique_ptr<FullDisk> full;
  bool left = false;
  provider.on_step = [&](const std::string& step) {
    if (step == "body sent") full = std::make_unique<FullDisk>();
    left = left || step == "last byte";
  };
  start();
  EXPECT_FALSE(left);
  EXPECT_TRUE(full->hit());
  EXPECT_EQ(state(id), IntentState::uploading);
  EXPECT_TRUE(world.log.has("error disk.full")) << "that it was refused cannot be stored either";
  full.reset();
  world.clock.advance(10s);
  EXPECT_EQ(state(id), IntentState::rejected);
  EXPECT_EQ(count(job, RequestState::pending), 2);
}

// What the provider answered is kept until it can be stored.
TEST_F(SubmitterTest, AnAnswerThatMeetsAFullDiskIsStoredLaterAndNeverForgotten) {
  const auto job = world.add_job(2);
  const auto id = plan();
  std::unique_ptr<FullDisk> full;
  provider.on_step = [&](const std::string& step) {
    if (step == "last byte") full = std::make_unique<FullDisk>();
  };
  start();
  world.clock.advance(1h);
  EXPECT_EQ(state(id), IntentState::committing);
  EXPECT_TRUE(submitter->committing()) << "a stop waits a moment for this";
  EXPECT_EQ(provider.bodies.size(), 1u);
  full.reset();
  world.clock.advance(10s);
  EXPECT_EQ(state(id), IntentState::created);
  EXPECT_EQ(count(job, RequestState::submitted), 2);
  EXPECT_FALSE(submitter->committing());
}

// Step 6: while a late twin may be running one of its requests, an intent is not committed.
TEST_F(SubmitterTest, AnIntentWhoseRequestsALateTwinMayRunIsNotCommitted) {
  const auto lost = lose_one(2);
  world.queue.record_not_created(lost.id, world.clock.now());
  const auto id = plan();
  bool left = false;
  provider.on_step = [&](const std::string& step) {
    left = left || step == "last byte";
    if (step != "body sent") return;
    Batch twin;
    twin.provider_id = "msgbatch_late";
    world.queue.adopt_twin(lost.id, twin, true, world.clock.now());
  };
  start();
  EXPECT_FALSE(left);
  EXPECT_EQ(state(id), IntentState::rejected);
}

// Parts may stand in any order in a batch, and lie far apart in the claimed file.
TEST_F(SubmitterTest, RequestsAreFoundInTheClaimedFileWhateverTheirOrder) {
  const auto job = world.add_job(20'000);
  NewIntent intent;
  intent.nonce = std::string(24, 'e');
  intent.headers.version = "2023-06-01";
  intent.parts = {{{job, 19'990, 10}, 0, 0, {}}, {{job, 0, 10}, 0, 0, {}}};
  intent.bytes = body_open.size() + body_close.size();
  for (const auto& part : intent.parts) {
    for (Seq i = 0; i < part.range.count; ++i) {
      intent.bytes += request_bytes(intent.requests++, world.queue.sent_params_bytes(job, part.range.first + i));
    }
  }
  world.queue.create_intent(intent, world.clock.now());
  start();
  EXPECT_EQ(count(job, RequestState::submitted), 20);
  EXPECT_NE(provider.bodies.at(0).find(R"("n":19999})"), std::string::npos);
  EXPECT_NE(provider.bodies.at(0).find(R"("n":9})"), std::string::npos);
}

TEST_F(SubmitterTest, AClaimedFileThatCannotBeReadHoldsItsJob) {
  const auto job = world.add_job(2);
  std::filesystem::remove(folder / "claimed/1");
  std::filesystem::create_directory(folder / "claimed/1");  // it opens, and no byte can be read
  plan();
  start();
  EXPECT_EQ(world.job(job).state, JobState::held);
  EXPECT_TRUE(provider.batches.empty());
}

// Stopped between any two steps and started again in the same process: one create, and never a second one.
TEST_F(SubmitterTest, AStopBetweenAnyTwoStepsNeverSendsTwice) {
  const auto job = world.add_job(2);
  const auto id = plan();
  int lives = 0;
  for (int steps = 1; state(id) == IntentState::uploading || state(id) == IntentState::committing; ++steps) {
    ASSERT_LT(++lives, 200);
    TaskGroup group(world.context.get_executor());
    group.spawn("submit", submitter->run());
    world.run_steps(steps);
    group.cancel();
    world.clock.run_until_idle();
    ASSERT_EQ(group.size(), 0u);
  }
  start();
  EXPECT_LE(provider.batches.size(), 1u);
  EXPECT_EQ(
      count(job, RequestState::pending) + count(job, RequestState::assigned) + count(job, RequestState::submitted), 2);
  EXPECT_EQ(state(id) == IntentState::created, count(job, RequestState::submitted) == 2);
}

// A stage that was broken off and runs again in the same process: its nonce is spent.
TEST_F(SubmitterTest, AnUploadBrokenOffBeforeTheLastByteIsRefusedNotRepeated) {
  const auto job = world.add_job(2);
  const auto id = plan();
  ScriptedCreate slow;
  slow.before_commit = 1h;
  provider.creates = {slow};
  {
    TaskGroup first(world.context.get_executor());
    first.spawn("submit", submitter->run());
    world.clock.advance(1min);
    EXPECT_FALSE(submitter->committing());
    first.cancel();
    world.clock.run_until_idle();
  }
  EXPECT_EQ(state(id), IntentState::uploading);
  start();
  EXPECT_EQ(state(id), IntentState::rejected);
  EXPECT_EQ(count(job, RequestState::pending), 2);
  EXPECT_EQ(provider.bodies.size(), 1u);
}

TEST_F(SubmitterTest, AnUploadBrokenOffAfterTheLastByteIsUnknownNotRepeated) {
  const auto job = world.add_job(2);
  const auto id = plan();
  ScriptedCreate slow;
  slow.creates = true;
  slow.takes = 1h;
  provider.creates = {slow};
  {
    TaskGroup first(world.context.get_executor());
    first.spawn("submit", submitter->run());
    world.clock.advance(1min);
    EXPECT_TRUE(submitter->committing());
    first.cancel();
    world.clock.run_until_idle();
  }
  EXPECT_EQ(state(id), IntentState::committing);
  start();
  EXPECT_EQ(state(id), IntentState::unknown);
  EXPECT_FALSE(submitter->committing());
  EXPECT_EQ(count(job, RequestState::assigned), 2);
  EXPECT_EQ(provider.bodies.size(), 1u);
}

}  // namespace
}  // namespace offpeak
