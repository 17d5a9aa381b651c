#include "watch/open_names.hpp"

#include <gtest/gtest.h>

#include <string>

namespace offpeak {
namespace {

// Events of one name, a letter each: Created, Opened, closed by a writer, closed by a reader, Gone, Forgotten (events were
// lost).
Writers after(const std::string& events) {
  OpenNames names;
  for (const char event : events) {
    switch (event) {
      case 'C':
        names.created("a");
        break;
      case 'O':
        names.opened("a");
        break;
      case 'c':
        names.closed_by_writer("a");
        break;
      case 'r':
        names.closed_by_reader("a");
        break;
      case 'G':
        names.gone("a");
        break;
      default:
        names.forget_all();
    }
  }
  return names.of("a");
}

TEST(OpenNames, SayWhatTheEventsOfANameProve) {
  struct Row {
    const char* events;
    Writers expected;
    const char* why;
  };
  const Row rows[] = {
      {"", Writers::unknown, "it was there before anybody listened"},
      {"CO", Writers::some, "its maker has it open"},
      {"COc", Writers::none, "its maker has closed it"},
      {"COOc", Writers::unknown, "one of two has closed it; or the second close was joined with it"},
      {"COOcc", Writers::none, "both have closed it"},
      {"COcO", Writers::some, "somebody appends to it"},
      {"COcOc", Writers::none, "and is done"},
      {"COcc", Writers::none, "opens that were joined: more closes than opens"},
      {"COr", Writers::unknown, "a writer's open and a reader's were joined: the writer has not closed it"},
      {"COOr", Writers::unknown, "a reader has closed it, its writer has not"},
      {"COOrc", Writers::none, "a reader has closed it, and then its writer"},
      {"COcOr", Writers::unknown, "somebody read it; another writer's open may have been joined with that"},
      {"C", Writers::unknown, "a link: whoever has the file open did so under another name"},
      {"CcO", Writers::some, "opened last"},
      {"CcOc", Writers::unknown, "the close of somebody who opened it under another name"},
      {"O", Writers::some, "it was there before, and somebody opened it"},
      {"Oc", Writers::unknown, "others may have opened it before"},
      {"c", Writers::unknown, "a close of an unseen open; there may be more of them"},
      {"COG", Writers::unknown, "another file may get the name"},
      {"COGCOc", Writers::none, "another file under the name"},
      {"COCOc", Writers::none, "made anew: the events of the old file say nothing"},
      {"COF", Writers::unknown, "events were lost: the close may be among them"},
      {"COcF", Writers::unknown, "events were lost: an open may be among them"},
  };
  for (const auto& row : rows) EXPECT_EQ(after(row.events), row.expected) << row.events << ": " << row.why;
}

TEST(OpenNames, KeepABoundedNumberOfNames) {
  OpenNames names;
  for (std::size_t i = 0; i < OpenNames::names_max + 1; ++i) names.opened(std::to_string(i));
  EXPECT_EQ(names.of("0"), Writers::some);
  EXPECT_EQ(names.of(std::to_string(OpenNames::names_max)), Writers::unknown);
  names.gone("0");
  names.opened("again");
  EXPECT_EQ(names.of("again"), Writers::some);
}

}  // namespace
}  // namespace offpeak
