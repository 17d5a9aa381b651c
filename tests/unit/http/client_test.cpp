#include <gmock/gmock.h>

#include "unit/http/http_fixture.hpp"

namespace offpeak::test {
namespace {

using testing::HasSubstr;
using testing::Not;

struct ClientTest : testing::Test {
  http::Got<http::Response> call(ScriptedServer& server, std::size_t most_bytes = 1 << 20) {
    return call(server, origin_at(server), most_bytes);
  }
  http::Got<http::Response> call(ScriptedServer& server, http::Origin origin, std::size_t most_bytes = 1 << 20) {
    http::Client client(io.get_executor(), std::move(origin));
    return run(io, server, client.call(get(), most_bytes));
  }
  http::Got<http::Response> download(ScriptedServer& server, FakeWriter& writer) {
    auto origin = origin_at(server);
    origin.progress_timeout = Duration(2000);
    http::Client client(io.get_executor(), std::move(origin));
    return run(io, server, client.download(get(), writer));
  }
  asio::io_context io;
};

TEST_F(ClientTest, CallsAndReadsTheAnswer) {
  ScriptedServer server(io, {read_head(), send(answer("200 OK", "{}", "Request-Id: req_1\r\nRetry-After: 10\r\n"))});
  const auto got = call(server);
  const auto& response = response_of(got);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "{}");
  EXPECT_EQ(response.header("request-id"), "req_1");
  EXPECT_EQ(response.header("retry-after"), "10");
  EXPECT_EQ(response.header("missing"), "");
  EXPECT_THAT(server.only().request,
              HasSubstr("GET /v1/messages/batches HTTP/1.1\r\nHost: 127.0.0.1:" + server.port()));
  EXPECT_THAT(server.only().request, HasSubstr("x-api-key: sk-secret\r\n"));
  EXPECT_THAT(server.only().request, HasSubstr("Accept-Encoding: identity\r\n"));
}

TEST_F(ClientTest, EveryCallIsAConnectionOfItsOwn) {
  ScriptedServer server(io, {read_head(), send(answer("200 OK", "{}"))});
  http::Client client(io.get_executor(), origin_at(server));
  const auto calls = [](http::Client* of) -> Task<int> {
    for (int i = 0; i < 3; ++i) {
      const auto got = co_await of->call(get(), 100);
      EXPECT_EQ(response_of(got).status, 200);
    }
    co_return 0;
  };
  run(io, server, calls(&client));
  EXPECT_EQ(server.connections(), 3U);
}

TEST_F(ClientTest, RedirectsAreAnswersAndAreNotFollowed) {
  for (const char* status : {"301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"}) {
    ScriptedServer other(io, {read_head(), send(answer("200 OK", "stolen"))});
    ScriptedServer server(
        io, {read_head(), send(answer(status, "", "Location: http://127.0.0.1:" + other.port() + "/\r\n"))});
    http::Client client(io.get_executor(), origin_at(server));
    const auto got = run(io, server, with_server(other, client.call(get(), 100)));
    EXPECT_EQ(response_of(got).status / 100, 3);
    EXPECT_EQ(server.connections(), 1U);
    EXPECT_EQ(other.connections(), 0U);
  }
}

TEST_F(ClientTest, NothingIsEverRepeated) {
  for (const char* text :
       {"", "HTTP/1.1 ", "HTTP/1.1 503 No\r\nContent-Length: 9\r\nRetry-After: 0\r\n\r\n", "garbage\r\n"}) {
    for (const auto& cut : {close_now(), reset_now()}) {
      ScriptedServer server(io, {read_head(), send(text), cut});
      EXPECT_NE(failure_of(call(server)), "");
      EXPECT_EQ(server.connections(), 1U);
    }
  }
}

TEST_F(ClientTest, HostileAnswersAreFailures) {
  const std::string megabyte(1 << 20, 'a');
  const std::string many_interim = [] {
    std::string text;
    for (int i = 0; i < 50; ++i) text += "HTTP/1.1 100 Continue\r\n\r\n";
    return text;
  }();
  for (const std::string& text :
       {std::string("hello"), std::string("<html>gone</html>"), "HTTP/1.1 200 OK\r\nA: " + megabyte, megabyte,
        std::string("HTTP/1.1 101 Switch\r\n\r\n"), many_interim,
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    ScriptedServer server(io, {read_head(), send(text), close_now()});
    EXPECT_THAT(failure_of(call(server)), HasSubstr("127.0.0.1")) << text.substr(0, 60);
  }
}

TEST_F(ClientTest, ABodyBeyondItsLimitIsAFailure) {
  ScriptedServer server(io, {read_head(), send(answer("200 OK", std::string(5000, 'a')))});
  const auto got = call(server, 4999);
  EXPECT_THAT(failure_of(got), HasSubstr("longer than 4999 bytes"));
  ASSERT_TRUE(std::get<http::HttpFailure>(got).partial);
  EXPECT_EQ(std::get<http::HttpFailure>(got).partial->body.size(), 4999U);
  ScriptedServer fits(io, {read_head(), send(answer("200 OK", std::string(5000, 'a')))});
  EXPECT_EQ(response_of(call(fits, 5000)).body.size(), 5000U);
  ScriptedServer endless(io, {read_head(), send("HTTP/1.1 200 OK\r\n\r\n" + std::string(1 << 20, 'a')), stall()});
  EXPECT_THAT(failure_of(call(endless, 4999)), HasSubstr("longer than"));
}

TEST_F(ClientTest, ACutAnswerIsAFailureThatKeepsItsHeader) {
  ScriptedServer server(io, {read_head(), send("HTTP/1.1 429 Slow\r\nContent-Length: 100\r\n\r\n{\"ty"), close_now()});
  const auto got = call(server);
  EXPECT_THAT(failure_of(got), HasSubstr("in the middle of the answer"));
  const auto& failure = std::get<http::HttpFailure>(got);
  ASSERT_TRUE(failure.partial);
  EXPECT_EQ(failure.partial->status, 429);
  EXPECT_FALSE(failure.stopped_by_caller);
}

TEST_F(ClientTest, NoAnswerInTimeIsAFailure) {
  for (const auto& script : {Script{stall()}, Script{read_head(), send("HTTP/1.1 200 OK\r\nA: b\r\n"), stall()}}) {
    ScriptedServer server(io, script);
    auto origin = origin_at(server);
    origin.answer_timeout = Duration(150);
    EXPECT_THAT(failure_of(call(server, origin)), HasSubstr("timed out after 150ms"));
  }
}

TEST_F(ClientTest, ABodyThatStopsComingIsAFailure) {
  ScriptedServer server(io, {read_head(), send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel"), stall()});
  auto origin = origin_at(server);
  origin.progress_timeout = Duration(150);
  EXPECT_THAT(failure_of(call(server, origin)), HasSubstr("timed out after 150ms"));
}

TEST_F(ClientTest, AHandshakeThatNeverEndsIsAFailure) {
  ScriptedServer server(io, {stall()});
  auto origin = origin_at(server);
  origin.tls = true;
  origin.connect_timeout = Duration(150);
  EXPECT_THAT(failure_of(call(server, origin)), HasSubstr("TLS handshake: timed out after 150ms"));
}

TEST_F(ClientTest, PlainTextWhereTlsIsExpectedIsAFailure) {
  ScriptedServer server(io, {send("HTTP/1.1 400 Bad Request\r\n\r\n"), close_now()});
  auto origin = origin_at(server);
  origin.tls = true;
  EXPECT_THAT(failure_of(call(server, origin)), HasSubstr("TLS handshake"));
  EXPECT_THAT(server.only().request, Not(HasSubstr("sk-secret")));
}

TEST_F(ClientTest, AnUnknownHostIsAFailureThatNamesIt) {
  http::Origin origin = http::parse_origin("https://no-such-host.invalid").value();
  origin.connect_timeout = Duration(5000);
  http::Client client(io.get_executor(), origin);
  EXPECT_THAT(failure_of(run(io, client.call(get(), 100))), HasSubstr("no-such-host.invalid"));
}

TEST_F(ClientTest, ALookupIsLeftBehindWhenItTakesTooLong) {
  http::Origin origin = http::parse_origin("https://no-such-host.invalid").value();
  origin.connect_timeout = Duration(0);
  http::Client client(io.get_executor(), origin);
  EXPECT_THAT(failure_of(run(io, client.call(get(), 100))), HasSubstr("no-such-host.invalid"));
}

TEST_F(ClientTest, TriesTheAddressesOfAHostInTurn) {
  // localhost may have ::1 first, where nobody listens.
  ScriptedServer server(io, {read_head(), send(answer("200 OK", "{}"))});
  auto origin = http::parse_origin("http://localhost:" + server.port()).value();
  EXPECT_EQ(response_of(call(server, origin)).status, 200);
}

TEST_F(ClientTest, SpeaksIpv6) {
  std::unique_ptr<ScriptedServer> server;
  try {
    server = std::make_unique<ScriptedServer>(io, std::vector<Script>{{read_head(), send(answer("200 OK", "{}"))}},
                                              nullptr, "::1");
  } catch (const boost::system::system_error&) {
    GTEST_SKIP() << "no IPv6 here";
  }
  auto origin = http::parse_origin("http://[::1]:" + server->port()).value();
  EXPECT_EQ(response_of(call(*server, origin)).status, 200);
  EXPECT_THAT(server->only().request, HasSubstr("Host: [::1]:" + server->port() + "\r\n"));
}

// --- Downloads
// ----------------------------------------------------------------------------------------------------------

std::string in_chunks(std::string_view body, std::size_t chunk) {
  std::string out;
  for (; !body.empty(); body.remove_prefix(std::min(chunk, body.size()))) {
    const auto part = body.substr(0, chunk);
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    out += size + std::string(part) + "\r\n";
  }
  return out;
}

TEST_F(ClientTest, DownloadsInBlocks) {
  std::string text;
  for (int i = 0; text.size() < 1'000'000; ++i) text += "{\"line\":" + std::to_string(i) + "}\n";
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::size_t chunk : {1000U, 70'000U, 10'000'000U}) {
    ScriptedServer server(io, {read_head(), send(head + in_chunks(text, chunk) + "0\r\n\r\n")});
    FakeWriter writer;
    const auto got = download(server, writer);
    EXPECT_EQ(response_of(got).status, 200);
    EXPECT_EQ(response_of(got).body, "");
    EXPECT_EQ(writer.taken, text);
    EXPECT_LE(writer.blocks, 20);
  }
  ScriptedServer server(io, {read_head(), send(answer("200 OK", text))});
  FakeWriter writer;
  EXPECT_EQ(response_of(download(server, writer)).status, 200);
  EXPECT_EQ(writer.taken, text);
}

TEST_F(ClientTest, AnEmptyDownloadIsComplete) {
  ScriptedServer server(io, {read_head(), send(answer("200 OK", ""))});
  FakeWriter writer;
  EXPECT_EQ(response_of(download(server, writer)).status, 200);
  EXPECT_EQ(writer.blocks, 0);
}

TEST_F(ClientTest, ADownloadThatEndsEarlyIsAFailure) {
  const std::string text(200'000, 'a');
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const auto& part : {head + in_chunks(text, 1000), head + in_chunks(text, 1000) + "0\r\n",
                           answer("200 OK", text).substr(0, 100'000), head + "1000\r\nabc"}) {
    for (const auto& cut : {close_now(), reset_now()}) {
      ScriptedServer server(io, {read_head(), send(part), cut});
      FakeWriter writer;
      EXPECT_NE(failure_of(download(server, writer)), "");
    }
  }
}

TEST_F(ClientTest, OtherAnswersToADownloadAreNotStreamed) {
  ScriptedServer server(io, {read_head(), send(answer("404 Not Found", "{\"type\":\"error\"}"))});
  FakeWriter writer;
  const auto got = download(server, writer);
  EXPECT_EQ(response_of(got).status, 404);
  EXPECT_EQ(response_of(got).body, "{\"type\":\"error\"}");
  EXPECT_EQ(writer.blocks, 0);
}

TEST_F(ClientTest, AWriterThatFailsStopsTheDownload) {
  ScriptedServer server(io, {read_head(), send(answer("200 OK", std::string(1'000'000, 'a'))), stall()});
  FakeWriter writer;
  writer.most = 100'000;
  const auto got = download(server, writer);
  EXPECT_THAT(failure_of(got), HasSubstr("the disk is full"));
  EXPECT_TRUE(std::get<http::HttpFailure>(got).stopped_by_caller);
}

Task<> keep_call(http::Client* client, bool* ended) {
  const auto got = co_await client->call(get(), 100);
  *ended = true;
}

Task<int> cancel_call(ScriptedServer* server, http::Client* client, bool* ended) {
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("call", keep_call(client, ended));
  co_await until([=] { return server->connections() == 1; });
  group.cancel();
  co_await group.join();
  co_await server->stop();
  co_return 0;
}

TEST_F(ClientTest, ACanceledCallEndsAtOnce) {
  ScriptedServer server(io, {stall()});
  http::Client client(io.get_executor(), origin_at(server));
  bool ended = false;
  run(io, cancel_call(&server, &client, &ended));
  EXPECT_EQ(server.connections(), 1U);
}

}  // namespace
}  // namespace offpeak::test
