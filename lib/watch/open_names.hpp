// Who has the files of a folder open, as far as events tell that name them. Pure.
//
// Events do not say how a file was opened, and the kernel joins equal events that follow each other before they are
// read, so their number is a hint. What is sure is the last one of a name: a file that was opened last is open.
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
  void closed(std::string_view name);
  // Another file has the name now, or none.
  void gone(std::string_view name);
  // Events were lost: nothing is known any more.
  void forget_all() { names_.clear(); }

  // None: since it was created, everybody who opened it has closed it. Some: it was opened last. Unknown: it was there
  // before anybody listened, or there are fewer closes than opens.
  Writers of(std::string_view name) const;

 private:
  struct Name {
    bool just_created = false;
    bool from_start = false;  // its maker was seen to open it: every open since then was
    bool opened_last = false;
    std::uint32_t open = 0;
  };
  Name* find_or_add(std::string_view name);

  std::map<std::string, Name, std::less<>> names_;
};

}  // namespace offpeak
