#include "provider/http_provider.hpp"

#include <gmock/gmock.h>

#include "unit/http/scripted_server.hpp"
#include "unit/provider/conformance.hpp"
#include "unit/provider/small_api.hpp"

namespace offpeak::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const char* no_environment(const char*) { return nullptr; }

ProviderConfig config_for(const std::string& port) {
  ProviderConfig config;
  config.base_url = "http://127.0.0.1:" + port;
  return config;
}

class HttpWorld {
 public:
  Provider& provider() { return provider_; }
  // The server waits for connections all the time, so this turns the loop only as long as the task takes.
  template <class T>
  T run(Task<T> task) {
    std::optional<T> value;
    asio::co_spawn(io_, std::move(task), [&](std::exception_ptr failure, T result) {
      if (failure) std::rethrow_exception(failure);
      value.emplace(std::move(result));
    });
    while (!value) io_.run_one();
    return std::move(*value);
  }
  void end_all() { api_.end_all(); }
  ~HttpWorld() {
    asio::co_spawn(io_, api_.stop(), [](const std::exception_ptr&) {});
    io_.run();
  }

 private:
  asio::io_context io_;
  SmallApi api_{io_};
  HttpProvider provider_{io_.get_executor(), config_for(api_.port()), "sk-secret", no_environment};
};

INSTANTIATE_TYPED_TEST_SUITE_P(OverHttp, ProviderConformance, HttpWorld);

const std::string batch_json =
    R"({"id":"msgbatch_1","type":"message_batch","processing_status":"ended","request_counts":{"processing":0,)"
    R"("succeeded":2,"errored":0,"canceled":0,"expired":0},"created_at":"2026-01-01T00:00:00Z",)"
    R"("results_url":"http://127.0.0.1:1/steal"})";

struct HttpProviderTest : testing::Test {
  CreateAnswer create(ScriptedServer& server, int* commits = nullptr) {
    HttpProvider provider(io.get_executor(), config_for(server.port()), "sk-secret", no_environment);
    TextSource body(create_body(2));
    CountingCommit commit;
    auto group = header_group();
    group.betas = {"a-1", "b-2"};
    auto answer = run(io, server, provider.create(group, body, commit));
    if (commits != nullptr) *commits = commit.asked;
    return answer;
  }
  Called<ProviderBatch> retrieve(ScriptedServer& server, std::string id = "msgbatch_1") {
    HttpProvider provider(io.get_executor(), config_for(server.port()), "sk-secret", no_environment);
    return run(io, server, provider.retrieve(std::move(id)));
  }
  asio::io_context io;
};

TEST_F(HttpProviderTest, CreateIsOnePostWithTheGroupsHeaders) {
  ScriptedServer server(
      io, {read_head(), read_body(create_body(2).size()), send(answer("200 OK", batch_json, "Request-Id: req_7\r\n"))});
  const auto answered = create(server);
  EXPECT_TRUE(answered.last_byte_left);
  ASSERT_TRUE(answered.answer);
  EXPECT_EQ(answered.answer->request_id, "req_7");
  EXPECT_TRUE(answered.answer->body_complete);
  EXPECT_EQ(verdict_on_create(answered).kind, CreateVerdictKind::created);
  const auto& request = server.only().request;
  EXPECT_EQ(server.only().body(), create_body(2));
  EXPECT_THAT(request, HasSubstr("POST /v1/messages/batches HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("x-api-key: sk-secret\r\n"));
  EXPECT_THAT(request, HasSubstr("anthropic-version: 2023-06-01\r\n"));
  EXPECT_THAT(request, HasSubstr("anthropic-beta: a-1,b-2\r\n"));
  EXPECT_THAT(request, HasSubstr("Content-Type: application/json\r\n"));
}

TEST_F(HttpProviderTest, TheIdentityNamesOriginAccountAndTheKeysHash) {
  const auto page = R"({"data":[],"has_more":false})";
  ScriptedServer server(io, {read_head(), send(answer("200 OK", page, "Anthropic-Organization-Id: org-7\r\n"))});
  HttpProvider provider(io.get_executor(), config_for(server.port()), "sk-secret", no_environment);
  EXPECT_EQ(provider.identity("salt").organization, "");
  ASSERT_TRUE(run(io, server, provider.list(ListQuery())).ok());
  const auto identity = provider.identity("salt");
  EXPECT_EQ(identity.origin, "http://127.0.0.1:" + server.port());
  EXPECT_EQ(identity.workspace, "");
  EXPECT_EQ(identity.organization, "org-7");
  // printf sk-secret | openssl dgst -sha256 -hmac salt
  EXPECT_EQ(identity.key_hash, "9d45f51f65d125854da7454c601fff9e");
  EXPECT_NE(provider.identity("other").key_hash, identity.key_hash);
}

TEST_F(HttpProviderTest, ARefusalNamesTheAccountToo) {
  ScriptedServer server(io,
                        {read_head(), send(answer("401 Unauthorized", "", "anthropic-organization-id: org-8\r\n"))});
  HttpProvider provider(io.get_executor(), config_for(server.port()), "sk-secret", no_environment);
  EXPECT_FALSE(run(io, server, provider.list(ListQuery())).ok());
  EXPECT_EQ(provider.identity("").organization, "org-8");
}

TEST_F(HttpProviderTest, AListSaysWhenItWasAnswered) {
  const auto page = R"({"data":[],"has_more":false})";
  for (const auto* date : {"Date: Sun, 29 Nov 2026 08:49:37 GMT\r\n", "Date: today\r\n", ""}) {
    ScriptedServer server(io, {read_head(), send(answer("200 OK", page, date))});
    HttpProvider provider(io.get_executor(), config_for(server.port()), "sk-secret", no_environment);
    const auto listed = run(io, server, provider.list(ListQuery()));
    ASSERT_TRUE(listed.ok());
    const bool dated = std::string_view(date).ends_with("GMT\r\n");
    ASSERT_EQ(listed.value().date.has_value(), dated);
    if (dated) EXPECT_EQ(to_rfc3339(*listed.value().date), "2026-11-29T08:49:37Z");
  }
}

TEST_F(HttpProviderTest, ACreateAnswerCutAtAnyByteIsUnknownOrCreated) {
  const auto whole = answer("200 OK", batch_json);
  int unknown = 0, created = 0;
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    // Every other cut is hard.
    ScriptedServer server(io, {read_head(), read_body(create_body(2).size()), send(whole.substr(0, cut)),
                               cut % 2 == 0 ? close_now() : reset_now()});
    const auto verdict = verdict_on_create(create(server));
    EXPECT_EQ(server.connections(), 1U);
    if (verdict.kind == CreateVerdictKind::created) {
      EXPECT_EQ(verdict.batch->id, "msgbatch_1");
      ++created;
    } else {
      ASSERT_EQ(verdict.kind, CreateVerdictKind::unknown) << cut << verdict.message;
      ++unknown;
    }
  }
  EXPECT_GT(unknown, 30);
  EXPECT_GT(created, 100);
}

TEST_F(HttpProviderTest, AProvenNoCutAtAnyByteIsNeverTakenForMoreThanItIs) {
  const auto whole =
      answer("400 Bad Request", R"({"type":"error","error":{"type":"invalid_request_error","message":"no"}})");
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    ScriptedServer server(io, {read_head(), read_body(create_body(2).size()), send(whole.substr(0, cut)), close_now()});
    EXPECT_EQ(verdict_on_create(create(server)).kind, CreateVerdictKind::unknown) << cut;
  }
}

TEST_F(HttpProviderTest, AnEarlyNoNeedsNoCommit) {
  ScriptedServer server(io, {read_head(), send(answer("413 Payload Too Large", "<html>")), close_now()});
  // Enough that it cannot all be on its way before the answer is seen.
  HttpProvider provider(io.get_executor(), config_for(server.port()), "sk-secret", no_environment);
  TextSource body(std::string(32 << 20, 'x'));
  CountingCommit commit;
  const auto answered = run(io, server, provider.create(header_group(), body, commit));
  EXPECT_FALSE(answered.last_byte_left);
  EXPECT_EQ(commit.asked, 0);
  EXPECT_EQ(server.connections(), 1U);
  // The answer may be lost where the peer closed on unread bytes; it is a no in any case.
  const auto kind = verdict_on_create(answered).kind;
  EXPECT_TRUE(kind == CreateVerdictKind::too_large || kind == CreateVerdictKind::not_sent);
}

TEST_F(HttpProviderTest, RedirectsTakeTheKeyNowhere) {
  for (const char* status : {"307 Temporary Redirect", "308 Permanent Redirect"}) {
    ScriptedServer other(io, {read_head(), send(answer("200 OK", batch_json))});
    ScriptedServer server(io, {read_head(), read_body(create_body(2).size()),
                               send(answer(status, "", "Location: http://127.0.0.1:" + other.port() + "/\r\n"))});
    HttpProvider provider(io.get_executor(), config_for(server.port()), "sk-secret", no_environment);
    TextSource body(create_body(2));
    CountingCommit commit;
    const auto answered = run(io, server, with_server(other, provider.create(header_group(), body, commit)));
    EXPECT_EQ(verdict_on_create(answered).kind, CreateVerdictKind::unknown);
    EXPECT_EQ(other.connections(), 0U);
    EXPECT_EQ(server.connections(), 1U);
  }
}

TEST_F(HttpProviderTest, RetryAfterIsAHintOnSuccessToo) {
  ScriptedServer server(io, {read_head(), send(answer("200 OK", batch_json, "retry-after: 10\r\n"))});
  const auto batch = retrieve(server);
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch.retry_after, Duration(10'000));
}

TEST_F(HttpProviderTest, FailuresAreValues) {
  struct Row {
    std::string answer;
    CallFailureKind kind;
  };
  using enum CallFailureKind;
  for (const auto& row : {
           Row{"", unreachable},
           Row{answer("200 OK", batch_json).substr(0, 150), unreachable},
           Row{answer("200 OK", "{}"), unreadable},
           Row{answer("200 OK", "<html>Log in to the WiFi</html>"), unreadable},
           Row{answer("200 OK", batch_json, "Content-Encoding: gzip\r\n"), unreadable},
           Row{answer("204 No Content", ""), unreadable},
           Row{answer("302 Found", ""), refused},
           Row{answer("401 Unauthorized", ""), account},
           Row{answer("404 Not Found", ""), not_found},
           Row{answer("429 Too Many", ""), throttled},
           Row{answer("529 Overloaded", ""), throttled},
       }) {
    ScriptedServer server(io, {read_head(), send(row.answer), close_now()});
    const auto batch = retrieve(server);
    ASSERT_FALSE(batch.ok());
    EXPECT_EQ(batch.failure().kind, row.kind) << row.answer;
    EXPECT_THAT(batch.failure().message, HasSubstr("retrieve msgbatch_1"));
    EXPECT_THAT(batch.failure().message, Not(HasSubstr("sk-secret")));
    EXPECT_EQ(server.connections(), 1U);
  }
}

TEST_F(HttpProviderTest, OddIdsNeverReachTheNetwork) {
  for (const char* id : {"", "../x", "a/b", "a?b", "a b", "a\r\nx: y"}) {
    ScriptedServer server(io, {stall()});
    const auto batch = retrieve(server, id);
    ASSERT_FALSE(batch.ok());
    EXPECT_EQ(batch.failure().kind, CallFailureKind::unreadable);
    EXPECT_EQ(server.connections(), 0U);
  }
}

TEST_F(HttpProviderTest, AKeyWithALineBreakIsRefusedAndNotShown) {
  ScriptedServer server(io, {read_head(), send(answer("200 OK", batch_json))});
  HttpProvider provider(io.get_executor(), config_for(server.port()), "sk-secret\r\nEvil: 1", no_environment);
  const auto batch = run(io, server, provider.retrieve("msgbatch_1"));
  ASSERT_FALSE(batch.ok());
  EXPECT_THAT(batch.failure().message, HasSubstr("x-api-key"));
  EXPECT_THAT(batch.failure().message, Not(HasSubstr("sk-secret")));
  EXPECT_EQ(server.connections(), 0U);
}

TEST_F(HttpProviderTest, ResultsThatEndEarlyAreAFailure) {
  const std::string lines(300'000, 'a');
  ScriptedServer server(io, {read_head(), send(answer("200 OK", lines).substr(0, 200'000)), close_now()});
  HttpProvider provider(io.get_executor(), config_for(server.port()), "sk-secret", no_environment);
  TextSink sink;
  const auto got = run(io, server, provider.results("msgbatch_1", sink));
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.failure().kind, CallFailureKind::unreachable);
  EXPECT_THAT(server.only().request, HasSubstr("GET /v1/messages/batches/msgbatch_1/results HTTP/1.1\r\n"));
}

TEST_F(HttpProviderTest, ABrokenConfigurationIsToldAtOnce) {
  ProviderConfig config;
  config.base_url = "http://api.anthropic.com";
  EXPECT_THROW(HttpProvider(io.get_executor(), config, "k", no_environment), std::runtime_error);
  config.base_url = "https://api.anthropic.com";
  config.ca_file = "/nonexistent";
  EXPECT_THROW(HttpProvider(io.get_executor(), config, "k", no_environment), std::runtime_error);
  config.ca_file = "";
  const Environment socks = [](const char* name) {
    return name == std::string("https_proxy") ? "socks5://u:hunter2@x:1" : nullptr;
  };
  try {
    HttpProvider provider(io.get_executor(), config, "k", socks);
    ADD_FAILURE();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("https_proxy"));
    EXPECT_THAT(error.what(), Not(HasSubstr("hunter2")));
  }
}

}  // namespace
}  // namespace offpeak::test
