// Result<T>: an expected failure as a value. Context is added on the way up with `in_context`.
// Exceptions are for broken environments and programming errors only.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace offpeak {

enum class ErrorKind : std::uint8_t {
  invalid,      // what we were given is wrong; trying again cannot help
  not_found,    // no such thing
  refused,      // not allowed in this state
  io,           // the operating system refused; `os_error` is the errno
  disk_full,    // ENOSPC or EDQUOT: pause, keep everything, go on by itself
  unavailable,  // the other side cannot be reached or did not answer
  canceled,     // we stopped it ourselves
  internal,     // a broken invariant
};

// `message` says what and where; `hint` says what to do next, or is empty.
struct [[nodiscard]] Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;
  std::string hint;
  int os_error = 0;
};

// What boost::system::result throws when value() is called on a failure: a programming error.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

template <class T = void>
using Result = boost::system::result<T, Error>;

Error make_error(ErrorKind kind, std::string message, std::string hint = "");

// An Error from errno: "cannot open /x: No such file or directory".
Error os_error(std::string_view doing, std::string_view what, int error_number);

// The same error with "context: " before its message.
Error in_context(std::string_view context, Error error);

}  // namespace offpeak
