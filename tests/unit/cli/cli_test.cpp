// The command line in process, against a real status socket.
#include "daemon/cli/cli.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/json.hpp"
#include "support/strange_batch.hpp"
#include "unit/control/running_control.hpp"

namespace offpeak::cli {
namespace {

using offpeak::testing::RunningControl;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

const std::string two_lines =
    R"({"custom_id":"a","params":{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"x"}]}})"
    "\n"
    R"({"custom_id":"b","params":{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"y"}]}})"
    "\n";

struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};

std::string content_of(int fd) {
  std::string text;
  char block[65536];
  ::lseek(fd, 0, SEEK_SET);
  for (ssize_t n = 0; (n = ::read(fd, block, sizeof(block))) > 0;) text.append(block, static_cast<std::size_t>(n));
  ::close(fd);
  return text;
}

const char* no_environment(const char*) { return nullptr; }

Ran run(std::vector<std::string> arguments, const std::string& input = "", Environment environment = no_environment) {
  Streams streams;
  streams.in = ::memfd_create("in", 0);
  streams.out = ::memfd_create("out", 0);
  streams.err = ::memfd_create("err", 0);
  EXPECT_EQ(::write(streams.in, input.data(), input.size()), static_cast<ssize_t>(input.size()));
  ::lseek(streams.in, 0, SEEK_SET);
  Ran ran;
  ran.code = run_cli(std::move(arguments), streams, environment);
  ran.out = content_of(streams.out);
  ran.err = content_of(streams.err);
  ::close(streams.in);
  return ran;
}

class Commands : public ::testing::Test {
 protected:
  Ran run_here(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.end(), {"--socket", server_.socket()});
    return run(std::move(arguments), input);
  }
  std::string file(const std::string& content) { return server_.folder().write("reviews.jsonl", content); }
  RunningControl server_;
};

TEST_F(Commands, SubmitPrintsTheJobsNumber) {
  const auto ran = run_here({"submit", file(two_lines)});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "1\n");
  EXPECT_THAT(ran.err, IsEmpty());
  EXPECT_EQ(server_.folder().read("claimed/1"), two_lines);
  EXPECT_THAT(run_here({"show", "1", "--json"}).out, HasSubstr(R"("name":"reviews","file":"reviews.jsonl")"));
}

TEST_F(Commands, SubmitTakesStandardInputAndOptions) {
  const auto ran = run_here({"submit", "-", "--name", "my job", "--priority", "-5", "--hold", "--json"}, two_lines);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr(R"("name":"my job")"));
  EXPECT_THAT(ran.out, HasSubstr(R"("priority":-5)"));
  EXPECT_THAT(ran.out, HasSubstr(R"("state":"held")"));
}

TEST_F(Commands, SubmitStreamsALongFile) {
  std::string lines;
  for (int i = 0; i < 900; ++i) {
    lines += fmt::format(R"({{"custom_id":"{}","params":{{"x":"{}"}}}})", i, std::string(5000, 'y')) + "\n";
  }
  EXPECT_EQ(run_here({"submit", file(lines)}).out, "1\n");
  EXPECT_EQ(server_.folder().read("claimed/1"), lines);
}

TEST_F(Commands, ARejectedFileIsRefusedWithItsErrors) {
  const auto ran = run_here({"submit", file("REJECT")});
  EXPECT_EQ(ran.code, 5);
  EXPECT_THAT(ran.out, IsEmpty());
  EXPECT_THAT(ran.err, HasSubstr("line 3, column 14: bad \\x1b line (hint: mend it)"));
  const auto json = run_here({"submit", "--json", "-"}, "REJECT");
  EXPECT_EQ(json.code, 5);
  EXPECT_THAT(json.out, HasSubstr(R"("error_count":1)"));
}

TEST_F(Commands, TheSameContentNeedsAgain) {
  EXPECT_EQ(run_here({"submit", file(two_lines)}).code, 0);
  EXPECT_EQ(run_here({"submit", file(two_lines)}).code, 5);
  EXPECT_EQ(run_here({"submit", file(two_lines), "--again"}).code, 0);
}

TEST_F(Commands, APausedIntakeRefusesBeforeTheBody) {
  EXPECT_EQ(run_here({"pause", "intake"}).code, 0);
  const auto ran = run_here({"submit", file(std::string(5'000'000, 'x'))});
  EXPECT_EQ(ran.code, 5);
  EXPECT_THAT(ran.err, HasSubstr("hint: offpeak resume intake"));
  EXPECT_EQ(run_here({"resume", "intake"}).code, 0);
}

TEST_F(Commands, AMissingFileIsAnError) {
  const auto ran = run_here({"submit", server_.folder() / "none.jsonl"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("No such file"));
}

TEST_F(Commands, JobsIsATableOrJsonLines) {
  EXPECT_THAT(run_here({"jobs"}).err, HasSubstr("No jobs yet"));
  for (const auto* name : {"one", "two", "three"}) {
    EXPECT_EQ(run_here({"submit", "-", "--again", "--name", name}, two_lines).code, 0);
  }
  const auto table = run_here({"jobs"});
  EXPECT_THAT(table.out, StartsWith("ID  NAME   STATE   REQUESTS  DONE  FAILED  COST  CREATED"));
  EXPECT_THAT(table.out, HasSubstr("\n 3  three  queued         2    0%       0    $0  "));
  EXPECT_THAT(table.out, Not(HasSubstr("\x1b")));
  const auto two = run_here({"jobs", "--limit", "2", "--json"});
  EXPECT_EQ(std::count(two.out.begin(), two.out.end(), '\n'), 2);
  EXPECT_THAT(two.out, StartsWith(R"({"id":1,)"));
  EXPECT_THAT(run_here({"jobs", "--state", "held", "--json"}).out, IsEmpty());
  EXPECT_EQ(run_here({"jobs", "--state", "odd"}).code, 2);
  EXPECT_EQ(run_here({"jobs", "--limit", "0"}).code, 2);
}

TEST_F(Commands, StatusSaysWhatWaitsAndTellsAScriptHowBadItIs) {
  EXPECT_EQ(run_here({"status", "--check"}).code, 0);
  EXPECT_EQ(run_here({"submit", file(two_lines)}).code, 0);
  EXPECT_EQ(run_here({"pause"}).code, 0);
  auto ran = run_here({"status", "--check"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out,
              HasSubstr("Waits:\n  submitting is paused by the operator; `offpeak resume` goes on\n      since "));
  EXPECT_EQ(run_here({"status"}).code, 0);
  EXPECT_THAT(run_here({"show", "1"}).out, HasSubstr("Waits for 2 requests to be sent: submitting is paused"));
  EXPECT_THAT(run_here({"jobs"}).out, HasSubstr("submitting is paused"));
  EXPECT_EQ(run_here({"resume"}).code, 0);
  server_.with_queue([](Queue& queue) { queue.hold_job(JobId{1}, "too many errors"); });
  ran = run_here({"status", "--check"});
  EXPECT_EQ(ran.code, 6);
  EXPECT_THAT(ran.out, HasSubstr("Needs you:\n  job 1 (reviews) is held: too many errors\n      offpeak release 1\n"));
  EXPECT_EQ(run_here({"release", "1"}).code, 0);
  EXPECT_EQ(run_here({"hold", "1"}).code, 0);
  ran = run_here({"status", "--check"});
  EXPECT_EQ(ran.code, 0) << "held because the operator wished so";
  EXPECT_THAT(ran.out, HasSubstr("1 open, 1 held by you"));
}

TEST_F(Commands, HostileNamesAreRefusedAndEscaped) {
  const auto refused = run_here({"submit", "-", "--name", "a\x1b[2Jb\nc"}, two_lines);
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("control characters"));
  EXPECT_THAT(refused.out + refused.err, Not(HasSubstr("\x1b")));
  EXPECT_THAT(run_here({"jobs", "--json"}).out, IsEmpty());
}

TEST_F(Commands, ChangesOfAJob) {
  run_here({"submit", "-"}, two_lines);
  EXPECT_EQ(run_here({"hold", "1"}).code, 0);
  EXPECT_EQ(run_here({"wait", "1"}).code, 6);
  EXPECT_THAT(run_here({"status"}).out, HasSubstr("offpeak jobs --state held"));
  EXPECT_EQ(run_here({"release", "1"}).code, 0);
  const auto twice = run_here({"release", "1"});
  EXPECT_EQ(twice.code, 5);
  EXPECT_THAT(twice.err, HasSubstr("offpeak: job 1 is "));
  EXPECT_EQ(run_here({"cancel", "1"}).code, 0);
  EXPECT_EQ(run_here({"cancel", "9"}).code, 4);
  EXPECT_EQ(run_here({"hold", "msgbatch_x"}).code, 4);
}

TEST_F(Commands, WaitTellsHowItEnded) {
  run_here({"submit", "-"}, two_lines);
  const auto waited = run_here({"wait", "1", "--timeout", "10ms"});
  EXPECT_EQ(waited.code, 7);
  EXPECT_THAT(waited.err, HasSubstr("still not over after 10ms\nJob 1 ("));
  EXPECT_THAT(waited.err, HasSubstr(") waits: "));
  EXPECT_EQ(run_here({"wait", "1", "--timeout", "soon"}).code, 2);
  EXPECT_EQ(run_here({"wait", "8"}).code, 4);
  std::thread later([this] {
    server_.with_queue([](Queue& queue) {
      queue.cancel_job(JobId{1}, Instant(Duration(1'790'000'000'000)));
      queue.finish_job(JobId{1}, JobState::canceled, Instant(Duration(1'790'000'000'000)));
    });
  });
  const auto ran = run_here({"wait", "1", "--json"});
  later.join();
  EXPECT_EQ(ran.code, 3);
  EXPECT_THAT(ran.out, HasSubstr(R"("state":"canceled")"));
  const auto watched = run_here({"watch", "1"});
  EXPECT_EQ(watched.code, 0);
  EXPECT_THAT(watched.out, EndsWith("job=1 name=job state=canceled finished=2/2 canceled=2\n"));
}

TEST_F(Commands, ResultsGoToStdout) {
  run_here({"submit", "-"}, two_lines);
  EXPECT_THAT(run_here({"results", "1"}).out, IsEmpty());
  run_here({"cancel", "1"});
  const auto ran = run_here({"results", "1"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out,
            "{\"custom_id\":\"a\",\"result\":{\"type\":\"canceled\"}}\n"
            "{\"custom_id\":\"b\",\"result\":{\"type\":\"canceled\"}}\n");
  EXPECT_THAT(run_here({"results", "1", "--outcome", "succeeded"}).out, IsEmpty());
  EXPECT_EQ(run_here({"results", "1", "--outcome", "odd"}).code, 2);
  EXPECT_EQ(run_here({"results", "5"}).code, 4);
  server_.folder().write("claimed/1", "changed");
  const auto cut = run_here({"results", "1"});
  EXPECT_EQ(cut.code, 1);
  EXPECT_THAT(cut.err, HasSubstr("end too early"));
}

TEST_F(Commands, StatusForPeopleAndPrograms) {
  const auto json = run_here({"status", "--json"});
  EXPECT_FALSE(JsonChecker().check(json.out));
  EXPECT_THAT(json.out, HasSubstr(R"("health":"ok")"));
  EXPECT_THAT(run_here({"status"}).out, StartsWith("offpeak " OFFPEAK_VERSION ": ok\n"));
  EXPECT_THAT(run_here({"pause"}).out, HasSubstr("Paused    submitting: offpeak resume"));
  EXPECT_THAT(run_here({"resume"}).out, Not(HasSubstr("Paused")));
  EXPECT_EQ(run_here({"pause", "everything"}).code, 2);
}

TEST_F(Commands, ReconcileListsAndDecides) {
  EXPECT_THAT(run_here({"reconcile"}).err, HasSubstr("Nothing to reconcile"));
  server_.with_queue([](Queue& queue) {
    const auto at = Instant(Duration(1'790'000'000'000));
    testing::find_strange(queue, "msgbatch_odd", 0, at, at);
  });
  EXPECT_THAT(run_here({"reconcile", "list"}).out, HasSubstr("msgbatch_odd  batch"));
  EXPECT_THAT(run_here({"reconcile", "msgbatch_odd"}).out, HasSubstr("offpeak reconcile msgbatch_odd claim"));
  EXPECT_EQ(run_here({"reconcile", "msgbatch_none"}).code, 4);
  EXPECT_EQ(run_here({"reconcile", "msgbatch_none", "claim"}).code, 4);
  EXPECT_EQ(run_here({"reconcile", "msgbatch_odd", "eat"}).code, 2);
  EXPECT_THAT(run_here({"reconcile", "msgbatch_odd", "claim"}).err, HasSubstr("msgbatch_odd is claiming"));
  EXPECT_THAT(run_here({"reconcile", "msgbatch_odd", "cancel", "--json"}).out, HasSubstr(R"("state":"claiming")"));
  EXPECT_EQ(run_here({"reconcile", "msgbatch_odd", "dismiss"}).code, 0) << "nothing waits that it could have run";
  EXPECT_EQ(run_here({"reconcile", "msgbatch_odd", "dismiss"}).code, 5);
  EXPECT_EQ(run_here({"reconcile", "intent-7", "claim"}).code, 4);
}

TEST_F(Commands, ADismissThatMayCostMoneyNeedsTheAmount) {
  server_.add_job(R"({"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[1]}})"
                  "\n");
  server_.with_queue([](Queue& queue) {
    const auto at = Instant(Duration(1'790'000'000'000));
    testing::find_strange(queue, "msgbatch_odd", 3, at, at);
  });
  const auto asked = run_here({"reconcile", "msgbatch_odd", "dismiss"});
  EXPECT_EQ(asked.code, 6) << "without a terminal nobody is asked";
  EXPECT_THAT(asked.err, HasSubstr("offpeak reconcile msgbatch_odd dismiss --confirm 1requests"));
  EXPECT_EQ(run_here({"reconcile", "msgbatch_odd", "dismiss", "--confirm", "3requests"}).code, 5);
  EXPECT_EQ(run_here({"reconcile", "msgbatch_odd", "dismiss", "--confirm", "1requests"}).code, 0);
}

TEST_F(Commands, ShowTellsJobsFromBatches) {
  EXPECT_EQ(run_here({"show", "1"}).code, 4);
  EXPECT_EQ(run_here({"show", "b1"}).code, 4);
  EXPECT_EQ(run_here({"show", "msgbatch_1"}).code, 4);
  const auto odd = run_here({"show", "reviews"});
  EXPECT_EQ(odd.code, 4);
  EXPECT_THAT(odd.err, HasSubstr("hint: use a job's number"));
  EXPECT_THAT(run_here({"batches"}).err, HasSubstr("No batches"));
}

class RejectedCommands : public Commands {
 protected:
  void reject(const std::string& name, std::optional<JobId> job = std::nullopt) {
    server_.with_queue([&](Queue& queue) {
      RejectedFile record;
      record.file = name;
      record.stored = job ? "" : name + ".1";
      record.at = Instant(Duration(1'790'000'000'000));
      record.error_count = 120;
      record.errors = R"([{"line":3,"column":14,"offset":210,"message":"bad \u001b line","hint":"mend it"},)"
                      R"({"line":null,"column":null,"offset":null,"message":"the whole of it","hint":""}])";
      record.job = job;
      const auto id = queue.announce_intake(IntakeSource::folder, name, {}, record.at);
      queue.reject_file(id, record);
    });
  }
};

TEST_F(RejectedCommands, AreListedAndLookedAt) {
  EXPECT_THAT(run_here({"rejected"}).err, HasSubstr("No file was rejected"));
  reject("a.jsonl");
  reject("b\x1b.jsonl");
  const auto list = run_here({"rejected"});
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_LT(list.out.find("b\\x1b.jsonl"), list.out.find("a.jsonl")) << list.out;
  EXPECT_THAT(list.out, HasSubstr("3:14: bad \\x1b line"));
  EXPECT_THAT(run_here({"rejected", "--limit", "1"}).out, Not(HasSubstr("a.jsonl")));
  const auto status = run_here({"status"});
  EXPECT_THAT(status.out, HasSubstr("Rejected  2 not looked at"));
  EXPECT_THAT(status.out, HasSubstr("2 files were rejected, the newest: b\\x1b.jsonl: line 3, column 14: bad"));
  EXPECT_THAT(status.out, HasSubstr("offpeak rejected --seen all"));
  const auto one = run_here({"rejected", "--seen", "1"});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_THAT(one.out, HasSubstr("a.jsonl:3:14: bad \\x1b line"));
  EXPECT_THAT(one.out, HasSubstr("a.jsonl: the whole of it"));
  EXPECT_THAT(one.out, HasSubstr("hint: mend it"));
  EXPECT_THAT(one.out, HasSubstr("120 errors in all"));
  EXPECT_THAT(one.out, HasSubstr("rejected/ as a.jsonl.1"));
  EXPECT_THAT(run_here({"status"}).out, HasSubstr("offpeak rejected --seen 2"));
  const auto all = run_here({"rejected", "--seen", "all"});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr("b\\x1b.jsonl:3:14:"));
  EXPECT_THAT(all.out, Not(HasSubstr("a.jsonl:3"))) << "it was looked at before";
  EXPECT_THAT(run_here({"status", "--json"}).out, HasSubstr(R"("rejected":{"unseen":0})"));
  EXPECT_THAT(run_here({"rejected", "--seen", "all"}).err, HasSubstr("Every rejected file was looked at"));
  EXPECT_EQ(run_here({"rejected", "--seen", "99"}).code, 4);
  EXPECT_EQ(run_here({"rejected", "--seen", "some"}).code, 2);
}

TEST_F(RejectedCommands, ShowTakesTheNameOfARejectedFile) {
  reject("dir a.jsonl");
  const auto shown = run_here({"show", "dir a.jsonl"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, StartsWith("dir a.jsonl: rejected "));
  EXPECT_THAT(run_here({"show", "dir a.jsonl.1", "--json"}).out, HasSubstr(R"("error_count":120)"));
  EXPECT_THAT(run_here({"status", "--json"}).out, HasSubstr(R"("rejected":{"unseen":1})")) << "show is not seen";
  const auto missing = run_here({"show", "b.jsonl"});
  EXPECT_EQ(missing.code, 4);
  EXPECT_THAT(missing.err, HasSubstr("no file of that name was rejected"));
}

// Its requests may all have succeeded: still not everything that was written is in a result.
TEST_F(RejectedCommands, WaitForAJobWhoseFileChangedNeedsAHuman) {
  const Instant now(Duration(1'790'000'000'000));
  server_.with_queue([&](Queue& queue) {
    NewJob wanted;
    wanted.job.id = queue.announce_intake(IntakeSource::folder, "late.jsonl", {}, now);
    wanted.job.name = "late";
    wanted.job.file = "late.jsonl";
    wanted.job.requests = 1;
    wanted.made = {{0, 1, OutcomeType::errored, "{}"}};
    wanted.taken = TakenFile{70, 1};
    queue.accept_jobs({&wanted}, now);
    queue.finish_jobs({{wanted.job.id, JobState::done, now, "5 bytes came late"}});
  });
  EXPECT_EQ(run_here({"wait", "1"}).code, 6);
  EXPECT_THAT(run_here({"show", "1"}).out, HasSubstr("Note      5 bytes came late"));
  const auto status = run_here({"status"});
  EXPECT_THAT(status.out, HasSubstr("late.jsonl: 5 bytes came late"));
  EXPECT_THAT(run_here({"rejected", "--seen", "1"}).out,
              HasSubstr("late.jsonl: taken as job 1, and written to afterwards"));
}

TEST_F(Commands, AReaderThatIsGoneIsNoError) {
  // As main does.
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  Streams streams;
  streams.out = ends[1];
  EXPECT_EQ(run_cli({"status", "--socket", server_.socket()}, streams, no_environment), 0);
  ::close(ends[1]);
}

TEST(CommandLine, TheSocketComesFromTheEnvironment) {
  const auto ran = run({"status"}, "", [](const char* name) -> const char* {
    return std::string_view(name) == "OFFPEAK_SOCKET" ? "/nowhere/at/all" : nullptr;
  });
  EXPECT_EQ(ran.code, 69);
  EXPECT_THAT(ran.err, HasSubstr("offpeak: the daemon cannot be reached at /nowhere/at/all: No such file"));
  EXPECT_THAT(ran.err, HasSubstr("hint: start it"));
}

TEST(CommandLine, EveryVerbSaysThatTheDaemonIsAway) {
  const std::vector<std::vector<std::string>> verbs{{"submit", "-"}, {"status"},     {"jobs"},         {"show", "1"},
                                                    {"watch"},       {"watch", "1"}, {"wait", "1"},    {"results", "1"},
                                                    {"cancel", "1"}, {"hold", "1"},  {"release", "1"}, {"pause"},
                                                    {"resume"},      {"batches"},    {"reconcile"}};
  for (auto arguments : verbs) {
    arguments.insert(arguments.end(), {"--socket", "/nowhere/s"});
    const auto ran = run(arguments);
    EXPECT_EQ(ran.code, 69) << arguments[0];
    EXPECT_THAT(ran.out, IsEmpty());
  }
}

TEST(CommandLine, WrongArgumentsAreUsage) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {}, {"dance"}, {"status", "--loud"}, {"submit"}, {"show"}, {"submit", "-", "--priority", "high"}}) {
    const auto ran = run(arguments);
    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, StartsWith("offpeak: "));
  }
}

TEST(CommandLine, HelpIsData) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"--help"}, {"submit", "--help"}}) {
    const auto ran = run(arguments);
    EXPECT_EQ(ran.code, 0);
    EXPECT_THAT(ran.out, HasSubstr("--"));
    EXPECT_THAT(ran.err, IsEmpty());
  }
  EXPECT_EQ(run({"--version"}).out, "offpeak " OFFPEAK_VERSION "\n");
}

TEST(Check, NeedsNoDaemon) {
  const TemporaryFolder folder;
  const auto good = run({"check", "--json", folder.write("good.jsonl", two_lines)});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_FALSE(JsonChecker().check(good.out)) << good.out;
  EXPECT_THAT(good.out, HasSubstr(R"("requests":2,)"));
  EXPECT_THAT(good.out, HasSubstr(R"("errors":[],"plan":[{"requests":2,"bytes":)"));
  EXPECT_THAT(good.out, HasSubstr(R"("output_tokens_max":20)"));
  const auto bad = run({"submit", "--dry-run", "--json", folder.write("bad.jsonl", two_lines + "{\"custom_id\":1}\n")});
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.out, HasSubstr(R"("line":3)"));
  EXPECT_THAT(bad.out, HasSubstr(R"("plan":[])"));
  const auto told = run({"check", folder / "bad.jsonl"});
  EXPECT_EQ(told.code, 1);
  EXPECT_THAT(told.err, HasSubstr("  line 3"));
  EXPECT_EQ(run({"check", "-"}, two_lines).code, 0);
  EXPECT_EQ(run({"check", folder / "none.jsonl"}).code, 1);
}

}  // namespace
}  // namespace offpeak::cli
