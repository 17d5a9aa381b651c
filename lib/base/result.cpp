#include "base/result.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace offpeak {

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  throw std::logic_error(
      fmt::format("{}:{}: a failure was used as a value: {}", where.file_name(), where.line(), error.message));
}

Error make_error(ErrorKind kind, std::string message, std::string hint) {
  return Error{kind, std::move(message), std::move(hint), 0};
}

Error os_error(std::string_view doing, std::string_view what, int error_number) {
  auto kind = ErrorKind::io;
  std::string hint;
  if (error_number == ENOSPC || error_number == EDQUOT) {
    kind = ErrorKind::disk_full;
    hint = "free some space; offpeak goes on by itself";
  } else if (error_number == ENOENT) {
    kind = ErrorKind::not_found;
  }
  return Error{kind, fmt::format("cannot {} {}: {}", doing, what, std::strerror(error_number)), std::move(hint),
               error_number};
}

Error in_context(std::string_view context, Error error) {
  error.message = fmt::format("{}: {}", context, error.message);
  return error;
}

}  // namespace offpeak
