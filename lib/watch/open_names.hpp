// Who has the files of a folder open, as far as events tell that name them. Pure.
//
// Opening does not say whether it is for writing; closing does. And the kernel joins equal events of a name that follow
// each other before they are read, so two opens at the same moment may be heard as one: their number is a hint. So the
// last event counts most: a file that was opened last is open, and only the close of a writer makes it closed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/files.hpp"

namespace offpeak {

class OpenNames {
 public:
  // Of any more names nothing is known.
  static constexpr std::size_t names_max = 10'000;

  void created(std::string_view name);
  void opened(std::string_view name);
  void closed_by_writer(std::string_view name);
  void closed_by_reader(std::string_view name);
  // Another file has the name now, or none.
  void gone(std::string_view name);
  // Events were lost: nothing is known any more.
  void forget_all() { names_.clear(); }

  // None: everybody who has opened it since it was created has closed it, a writer last. Some: it was opened last.
  // Unknown: it was there before anybody listened, or its last close leaves the question open.
  Writers of(std::string_view name) const;

 private:
  struct Name {
    enum class Last : std::uint8_t { none, created, opened, closed_by_writer, closed_by_reader };
    Last last = Last::none;
    bool from_start = false;  // its maker was seen to open it: every open since then was
    std::uint32_t open = 0;
  };
  Name* find_or_add(std::string_view name);
  void closed(std::string_view name, Name::Last how);

  std::map<std::string, Name, std::less<>> names_;
};

}  // namespace offpeak
