// What a failed call other than create means. Pure; any thread.
#pragma once

#include <string_view>

#include "http/http.hpp"
#include "provider/provider.hpp"

namespace offpeak {

// An answer that is not 2xx, or (`kind` unreadable) one whose body is not what it should be. `what` names the
// call, as in "retrieve msgbatch_1"; `problem` is for the 2xx case.
CallFailure failure_of_answer(std::string_view what, const http::Response& answer, std::optional<Duration> retry_after);
CallFailure failure_of_unreadable(std::string_view what, int status, std::string_view problem);

// No complete answer. Where the header of one had come, its status says what kind it is.
CallFailure failure_of_transport(std::string_view what, const http::HttpFailure& failure,
                                 std::optional<Duration> retry_after);

// What to do about a status that is the account's or the configuration's fault, as "; check ..."; else empty.
std::string_view advice_on(int status);

// What to do about a body under this Content-Encoding, as "; ..."; empty where it is not encoded.
std::string on_encoding(std::string_view coding);

// "HTTP 400 invalid_request_error: ..." for logs and reasons; never more than a few hundred bytes of what was
// sent.
std::string describe_answer(int status, std::string_view body);

}  // namespace offpeak
