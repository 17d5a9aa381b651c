#include "control/problem.hpp"

#include <fmt/format.h>

#include "base/json.hpp"

namespace offpeak {

namespace {

Problem make_problem(int status, std::string_view type, std::string_view title, std::string detail, std::string hint) {
  Problem problem;
  problem.status = status;
  problem.type = type;
  problem.title = title;
  problem.detail = std::move(detail);
  problem.hint = std::move(hint);
  return problem;
}

}  // namespace

Problem bad_request(std::string detail, std::string hint) {
  return make_problem(400, "bad-request", "Bad request", std::move(detail), std::move(hint));
}

Problem not_found(std::string detail, std::string hint) {
  return make_problem(404, "not-found", "No such thing", std::move(detail), std::move(hint));
}

Problem conflict(std::string detail, std::string hint) {
  return make_problem(409, "conflict", "Not possible in this state", std::move(detail), std::move(hint));
}

Problem needs_confirmation(std::string detail, std::string hint, std::string confirm) {
  auto problem = make_problem(422, "confirmation-needed", "Confirmation needed", std::move(detail), std::move(hint));
  problem.members = fmt::format(R"("confirm":{})", json_quote(confirm));
  return problem;
}

std::string to_json(const Problem& problem) {
  return fmt::format(R"({{"type":"urn:offpeak:problem:{}","title":{},"status":{},"detail":{},"hint":{}{}{}}})",
                     problem.type, json_quote(problem.title), problem.status, json_quote(problem.detail),
                     json_quote(problem.hint), problem.members.empty() ? "" : ",", problem.members);
}

Reply to_reply(const Problem& problem) {
  Reply reply = json_reply(to_json(problem));
  reply.status = problem.status;
  reply.content_type = "application/problem+json";
  return reply;
}

}  // namespace offpeak
