#include "control/message.hpp"

namespace offpeak {

std::string_view Call::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return {};
}

Reply json_reply(std::string document) {
  Reply reply;
  reply.body = std::move(document);
  reply.body += '\n';
  return reply;
}

}  // namespace offpeak
