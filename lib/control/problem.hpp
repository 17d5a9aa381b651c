// Problem: an error as RFC 9457 asks for it (application/problem+json), with a hint that says what to do next.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "control/message.hpp"

namespace offpeak {

struct Problem {
  int status = 500;
  std::string type;  // the last part of its URN: "not-found"
  std::string title;
  std::string detail;
  std::string hint;
  std::string members;  // further members as raw JSON without braces, or empty
};

Problem bad_request(std::string detail, std::string hint);
Problem not_found(std::string detail, std::string hint);
Problem conflict(std::string detail, std::string hint);
// 422: what was asked costs money where it is wrong, and needs the amount typed.
Problem needs_confirmation(std::string detail, std::string hint, std::string confirm);

std::string to_json(const Problem& problem);
Reply to_reply(const Problem& problem);

}  // namespace offpeak
