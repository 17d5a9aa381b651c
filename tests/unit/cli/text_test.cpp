// What people read: tables, numbers, progress.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/human.hpp"
#include "daemon/cli/ids.hpp"
#include "daemon/cli/progress.hpp"
#include "daemon/cli/table.hpp"
#include "daemon/cli/unix_http.hpp"
#include "daemon/cli/wait_view.hpp"

namespace offpeak::cli {
namespace {

TEST(Table, AlignsColumnsAndLeavesOutEmptyOnes) {
  Table table({{"ID", Align::right}, {"NAME"}, {"EMPTY"}, {"N", Align::right}});
  table.add({"7", "é", "", "1,000"});
  table.add({"123", "long name", "", "2"});
  EXPECT_EQ(table.text(),
            " ID  NAME           N\n"
            "  7  é          1,000\n"
            "123  long name      2\n");
}

TEST(Table, FitsTheWidthWithTheLastColumnBeneath) {
  Table table({{"ID", Align::right}, {"NAME"}, {"REASON"}});
  table.add({"7", "reviews", "the provider works on it, and that takes a while"});
  table.add({"8", "done", ""});
  EXPECT_EQ(table.text(30),
            "ID  NAME\n"
            " 7  reviews\n"
            "    the provider works on it, \n"
            " 8  done\n");
  EXPECT_EQ(table.text(), table.text(100));
}

TEST(Wrapped, BreaksBetweenWordsAndCutsWordsThatAreTooLong) {
  EXPECT_EQ(wrapped("one two three", 100, 4), "one two three");
  EXPECT_EQ(wrapped("one two three four", 14, 4), "one two\n    three four");
  EXPECT_EQ(wrapped("0123456789abcdef g", 14, 4), "0123456789\n    abcdef g");
  EXPECT_EQ(wrapped("ééééé ééééé ééééé", 15, 4), "ééééé ééééé\n    ééééé");
  EXPECT_EQ(wrapped("", 14, 4), "");
}

TEST(WaitView, TellsItsTimesAndNotTheSameTwice) {
  const Instant now(Duration(1'790'000'000'000));
  WaitView wait;
  EXPECT_EQ(times_text(wait, now), "");
  wait.since = now - std::chrono::minutes(41);
  wait.until = now + std::chrono::hours(23);
  wait.next_action_at = now + std::chrono::seconds(9);
  EXPECT_EQ(times_text(wait, now), "since 41m 00s, at the latest in 23h 00m, next in 9s");
  wait.next_action_at = wait.until;
  EXPECT_EQ(times_text(wait, now), "since 41m 00s, at the latest in 23h 00m");
  EXPECT_EQ(times_text(wait, now + std::chrono::hours(24)), "since 1d 0h");
}

TEST(Table, ColorsTakeNoWidth) {
  EXPECT_EQ(display_width("\x1b[31mheld\x1b[0m"), 4U);
  EXPECT_EQ(cut_to_width("\x1b[31mheld\x1b[0m", 2), "\x1b[31mhe\x1b[0m");
  EXPECT_EQ(cut_to_width("éàü", 2), "éà");
}

TEST(Human, Counts) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(1000), "1,000");
  EXPECT_EQ(human_count(1234567), "1,234,567");
  EXPECT_EQ(human_count(-1234), "-1,234");
  EXPECT_EQ(human_count(-123), "-123");
}

TEST(Human, Bytes) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1500), "1.5 kB");
  EXPECT_EQ(human_bytes(256'000'000), "256 MB");
  EXPECT_EQ(human_bytes(999'999), "1.0 MB");
}

TEST(Human, Durations) {
  using std::chrono::hours;
  using std::chrono::seconds;
  EXPECT_EQ(human_duration(seconds(-3)), "0s");
  EXPECT_EQ(human_duration(seconds(59)), "59s");
  EXPECT_EQ(human_duration(seconds(303)), "5m 03s");
  EXPECT_EQ(human_duration(hours(2)), "2h 00m");
  EXPECT_EQ(human_duration(hours(76)), "3d 4h");
}

TEST(Human, MoneyAndShares) {
  EXPECT_EQ(human_usd(0), "$0");
  EXPECT_EQ(human_usd(0.0042), "$0.0042");
  EXPECT_EQ(human_usd(12.3), "$12.30");
  EXPECT_EQ(human_percent(0, 0), "-");
  EXPECT_EQ(human_percent(999, 1000), "99%");
  EXPECT_EQ(human_percent(1000, 1000), "100%");
}

TEST(Ids, AreJobsOrBatches) {
  EXPECT_FALSE(parse_thing_id("7")->batch);
  EXPECT_EQ(parse_thing_id("b12")->text, "12");
  EXPECT_TRUE(parse_thing_id("msgbatch_01A")->batch);
  for (const auto* text : {"", "b", "bx", "-1", "7x", "reviews"}) EXPECT_FALSE(parse_thing_id(text)) << text;
}

TEST(PercentEncode, KeepsOnlyWhatIsPlain) { EXPECT_EQ(percent_encode("a/b c%\xc3\xa9-._~"), "a%2Fb%20c%25%C3%A9-._~"); }

JobView job_at(std::int64_t succeeded, std::int64_t errored) {
  JobView job;
  job.id = 7;
  job.name = "reviews";
  job.state = "running";
  job.requests = 100;
  job.counts[RequestState::succeeded] = succeeded;
  job.counts[RequestState::errored] = errored;
  job.counts[RequestState::pending] = 100 - succeeded - errored;
  return job;
}

TEST(Progress, KnowsThePaceOnceSomethingFinished) {
  Pace pace;
  const auto start = SteadyTime(std::chrono::hours(1));
  pace.see(job_at(10, 0), start);
  EXPECT_EQ(pace.per_second(), 0);
  EXPECT_FALSE(pace.left());
  pace.see(job_at(28, 2), start + std::chrono::seconds(10));
  EXPECT_DOUBLE_EQ(pace.per_second(), 2);
  EXPECT_EQ(pace.left(), std::chrono::seconds(35));
}

TEST(Progress, ABarIsFullOnlyAtTheEnd) {
  EXPECT_EQ(progress_bar(0, 10, 4), "[....]");
  EXPECT_EQ(progress_bar(9, 10, 4), "[###.]");
  EXPECT_EQ(progress_bar(10, 10, 4), "[####]");
  EXPECT_EQ(progress_bar(0, 0, 4), "[....]");
}

TEST(Progress, APlainLineIsKeysAndValues) {
  const auto now = Instant(Duration(1'790'000'000'000));
  EXPECT_EQ(plain_line(job_at(36, 2), now),
            to_rfc3339(now) + " job=7 name=reviews state=running finished=38/100 pending=62 succeeded=36 errored=2");
}

}  // namespace
}  // namespace offpeak::cli
