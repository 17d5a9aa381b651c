#include <gmock/gmock.h>

#include "unit/http/certificates.hpp"
#include "unit/http/http_fixture.hpp"

namespace offpeak::test {
namespace {

using testing::HasSubstr;
using testing::Not;

struct TlsTest : testing::Test {
  // What a client that trusts `authority` gets from a server with this identity.
  http::Got<http::Response> call(const Identity& identity, const std::string& host) {
    auto context = server_context(identity);
    ScriptedServer server(io, {{start_tls(), read_head(), send(answer("200 OK", "secret"))}}, &context);
    auto got = call(server, host);
    EXPECT_EQ(server.connections(), 1U);
    request = server.at(0).request;
    server_name = server.at(0).server_name;
    return got;
  }
  http::Got<http::Response> call(ScriptedServer& server, const std::string& host) {
    auto origin = http::parse_origin("https://" + host + ":" + server.port()).value();
    if (trusting) origin.ca_file = authority.file();
    http::Client client(io.get_executor(), origin);
    return run(io, server, client.call(get(), 1000));
  }

  asio::io_context io;
  Authority authority{"Test Authority"};
  bool trusting = true;
  std::string request, server_name;
};

TEST_F(TlsTest, AcceptsTheRightName) {
  EXPECT_EQ(response_of(call(authority.sign("localhost", "DNS:localhost"), "localhost")).body, "secret");
  EXPECT_EQ(server_name, "localhost");
}

TEST_F(TlsTest, AcceptsTheRightAddressWithoutNamingIt) {
  EXPECT_EQ(response_of(call(authority.sign("x", "IP:127.0.0.1"), "127.0.0.1")).body, "secret");
  EXPECT_EQ(server_name, "");
}

TEST_F(TlsTest, RefusesAnotherName) {
  for (const char* names : {"DNS:example.test", "DNS:localhost.example.test", "DNS:*.localhost", "IP:127.0.0.1", ""}) {
    const auto message = failure_of(call(authority.sign("Somebody Else", names), "localhost"));
    EXPECT_THAT(message, HasSubstr("it is not for localhost"));
    EXPECT_THAT(message, HasSubstr("Somebody Else"));
    EXPECT_THAT(message, HasSubstr("check base_url"));
    EXPECT_THAT(request, Not(HasSubstr("sk-secret")));
  }
}

TEST_F(TlsTest, RefusesAnotherAddress) {
  for (const char* names : {"IP:127.0.0.2", "DNS:localhost", "DNS:127.0.0.1"}) {
    EXPECT_THAT(failure_of(call(authority.sign("x", names), "127.0.0.1")), HasSubstr("it is not for 127.0.0.1"));
  }
}

TEST_F(TlsTest, RefusesAnUnknownAuthority) {
  Authority other("Other Authority");
  auto message = failure_of(call(other.sign("localhost", "DNS:localhost"), "localhost"));
  EXPECT_THAT(message, HasSubstr("the certificate is refused: unable to get local issuer certificate"));
  EXPECT_THAT(message, HasSubstr("ca_file"));
  EXPECT_EQ(request, "");
  trusting = false;  // the system's authorities do not know ours either
  message = failure_of(call(authority.sign("localhost", "DNS:localhost"), "localhost"));
  EXPECT_THAT(message, HasSubstr("unable to get local issuer certificate"));
}

TEST_F(TlsTest, RefusesASelfSignedCertificate) {
  Authority other("localhost");
  const auto message = failure_of(call(other.sign("localhost", "DNS:localhost"), "localhost"));
  EXPECT_THAT(message, HasSubstr("the certificate is refused"));
}

TEST_F(TlsTest, RefusesACertificateOutOfItsTime) {
  auto message = failure_of(call(authority.sign("localhost", "DNS:localhost", Validity::expired), "localhost"));
  EXPECT_THAT(message, HasSubstr("certificate has expired"));
  EXPECT_THAT(message, HasSubstr("check this machine's clock"));
  message = failure_of(call(authority.sign("localhost", "DNS:localhost", Validity::not_yet), "localhost"));
  EXPECT_THAT(message, HasSubstr("not yet valid"));
}

TEST_F(TlsTest, RefusesTls11) {
  const auto identity = authority.sign("localhost", "DNS:localhost");
  auto context = server_context(identity);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.native_handle(), TLS1_1_VERSION);
  SSL_CTX_set_cipher_list(context.native_handle(), "ALL:@SECLEVEL=0");
  ScriptedServer server(io, {{start_tls(), read_head(), send(answer("200 OK", "secret"))}}, &context);
  EXPECT_THAT(failure_of(call(server, "localhost")), HasSubstr("TLS handshake"));
}

TEST_F(TlsTest, AnAnswerThatIsCutWithoutAGoodbyeIsAFailure) {
  const auto identity = authority.sign("localhost", "DNS:localhost");
  auto context = server_context(identity);
  // Neither length nor chunks: only an orderly end could tell that it is whole.
  ScriptedServer server(io, {{start_tls(), read_head(), send("HTTP/1.1 200 OK\r\n\r\nhalf of it"), close_now()}},
                        &context);
  EXPECT_THAT(failure_of(call(server, "localhost")), HasSubstr("stream truncated"));
}

TEST_F(TlsTest, ACaFileThatCannotBeReadIsABrokenConfiguration) {
  http::Origin origin = http::parse_origin("https://localhost").value();
  for (const char* file : {"/nonexistent/ca.pem", "/etc/passwd"}) {
    origin.ca_file = file;
    try {
      http::Client client(io.get_executor(), origin);
      ADD_FAILURE() << file;
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(file));
    }
  }
}

Task<> server_has(const ScriptedServer* server, std::size_t body_bytes) {
  co_await until([=] { return server->connections() == 1 && server->at(0).body_bytes() >= body_bytes; });
  co_await pause(std::chrono::milliseconds(20));
  EXPECT_EQ(server->at(0).body_bytes(), body_bytes);
}

TEST_F(TlsTest, UnderTlsTooTheLastByteIsHeldBack) {
  const auto identity = authority.sign("localhost", "DNS:localhost");
  auto context = server_context(identity);
  const std::size_t bytes = 300'000;
  ScriptedServer server(io, {{start_tls(), read_head(), read_body(bytes), send(answer("200 OK", "{}"))}}, &context);
  auto origin = http::parse_origin("https://localhost:" + server.port()).value();
  origin.ca_file = authority.file();
  http::Client client(io.get_executor(), origin);
  FakeBody body(std::string(bytes, 'x'), 70'000);
  body.on_consent = [&] { return server_has(&server, bytes - 1); };
  const auto upload = run(io, server, client.upload(post(), body));
  EXPECT_TRUE(upload.last_byte_left);
  EXPECT_TRUE(upload.response_complete);
  EXPECT_EQ(server.only().body_bytes(), bytes);
}

// Records are gathered into larger writes, and what the peer wants in between must not get lost or out of order.
TEST_F(TlsTest, UnderTlsTooTheBodyArrivesAsItIsThoughKeysChange) {
  const auto identity = authority.sign("localhost", "DNS:localhost");
  auto context = server_context(identity);
  const std::size_t bytes = 3'000'000;
  const auto interim = send("HTTP/1.1 100 Continue\r\n\r\n");
  ScriptedServer server(io,
                        {{start_tls(), read_head(), new_keys(), interim, read_body(500'000), new_keys(), interim,
                          read_body(bytes), new_keys(), send(answer("200 OK", "{}"))}},
                        &context);
  auto origin = http::parse_origin("https://localhost:" + server.port()).value();
  origin.ca_file = authority.file();
  http::Client client(io.get_executor(), origin);
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) text += std::to_string(i) + " ";
  text.resize(bytes);
  FakeBody body(text, 100'001);
  const auto upload = run(io, server, client.upload(post(), body));
  EXPECT_EQ(upload.failure, "");
  EXPECT_TRUE(upload.response_complete);
  EXPECT_TRUE(server.only().body() == text);
}

TEST_F(TlsTest, UnderTlsTooAnEarlyAnswerStopsTheUpload) {
  const auto identity = authority.sign("localhost", "DNS:localhost");
  auto context = server_context(identity);
  ScriptedServer server(io, {{start_tls(), read_head(), send(answer("413 Large", "too large")), stall()}}, &context);
  auto origin = http::parse_origin("https://localhost:" + server.port()).value();
  origin.ca_file = authority.file();
  http::Client client(io.get_executor(), origin);
  FakeBody body(std::string(64 << 20, 'x'));
  const auto upload = run(io, server, client.upload(post(), body));
  EXPECT_FALSE(upload.last_byte_left);
  ASSERT_TRUE(upload.response);
  EXPECT_EQ(upload.response->status, 413);
  EXPECT_EQ(upload.response->body, "too large");
  EXPECT_EQ(body.asked, 0);
}

// --- Through a proxy
// ----------------------------------------------------------------------------------------------------

struct ProxyTest : TlsTest {
  // The scripted server is proxy and origin in one: after its answer to CONNECT it shakes hands as the
  // origin.
  http::Got<http::Response> call_through(ScriptedServer& proxy, const std::string& user = "") {
    auto origin = http::parse_origin("https://api.test").value();
    origin.ca_file = authority.file();
    const std::string url = "http://" + user + "127.0.0.1:" + proxy.port();
    origin.proxy = http::proxy_for(origin, [&](const char* name) {
                     return name == std::string("https_proxy") ? url.c_str() : nullptr;
                   }).value();
    http::Client client(io.get_executor(), origin);
    return run(io, proxy, client.call(get(), 1000));
  }
};

TEST_F(ProxyTest, AsksForATunnelAndSpeaksTlsToTheOrigin) {
  const auto identity = authority.sign("api", "DNS:api.test");
  auto context = server_context(identity);
  for (const char* established :
       {"HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n"}) {
    ScriptedServer proxy(
        io, {{read_head(), send(established), start_tls(), read_head(), send(answer("200 OK", "secret"))}}, &context);
    EXPECT_EQ(response_of(call_through(proxy, "me:hunter2@")).body, "secret");
    const auto& with = proxy.only();
    EXPECT_EQ(with.before_tls,
              "CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\nProxy-Authorization: Basic "
              "bWU6aHVudGVyMg==\r\n\r\n");
    EXPECT_EQ(with.server_name, "api.test");
    EXPECT_THAT(with.request, HasSubstr("Host: api.test\r\n"));
    EXPECT_THAT(with.request, Not(HasSubstr("Proxy-Authorization")));
  }
}

TEST_F(ProxyTest, TheCertificateMustBeTheOriginsNotTheProxys) {
  const auto identity = authority.sign("proxy", "IP:127.0.0.1");
  auto context = server_context(identity);
  ScriptedServer proxy(io, {{read_head(), send("HTTP/1.1 200 OK\r\n\r\n"), start_tls(), read_head()}}, &context);
  EXPECT_THAT(failure_of(call_through(proxy)), HasSubstr("it is not for api.test"));
}

TEST_F(ProxyTest, ReportsTheProxyWhereItRefuses) {
  for (const char* status : {"403 Forbidden", "407 Proxy Authentication Required", "502 Bad Gateway", "301 Moved"}) {
    ScriptedServer proxy(io, {read_head(), send(answer(status, "<html>no</html>")), close_now()});
    const auto message = failure_of(call_through(proxy, "me:hunter2@"));
    EXPECT_THAT(message, HasSubstr("the proxy 127.0.0.1:" + proxy.port() + ": it refused a tunnel to api.test:443"));
    EXPECT_THAT(message, HasSubstr(std::string("HTTP ").append(status, 3)));
    EXPECT_THAT(message, Not(HasSubstr("hunter2")));
    EXPECT_THAT(proxy.only().request, Not(HasSubstr("sk-secret")));
  }
}

TEST_F(ProxyTest, BytesOfItsOwnInTheTunnelAreRefused) {
  ScriptedServer proxy(io, {read_head(), send("HTTP/1.1 200 OK\r\n\r\nhello"), stall()});
  EXPECT_THAT(failure_of(call_through(proxy)), HasSubstr("bytes of its own"));
}

TEST_F(ProxyTest, AProxyThatSaysNothingOrNonsenseIsAFailure) {
  for (const auto& script : {Script{read_head(), close_now()}, Script{reset_now()},
                             Script{read_head(), send("SSH-2.0-OpenSSH\r\n"), close_now()}}) {
    ScriptedServer proxy(io, script);
    EXPECT_THAT(failure_of(call_through(proxy)), HasSubstr("the proxy 127.0.0.1"));
  }
}

TEST_F(ProxyTest, AnUploadThatGotNoTunnelWasNotSent) {
  ScriptedServer proxy(io, {read_head(), send(answer("407 Who", "")), close_now()});
  auto origin = http::parse_origin("https://api.test").value();
  origin.ca_file = authority.file();
  origin.proxy = http::Proxy{"127.0.0.1", proxy.port(), ""};
  http::Client client(io.get_executor(), origin);
  FakeBody body("hello");
  const auto upload = run(io, proxy, client.upload(post(), body));
  EXPECT_FALSE(upload.last_byte_left);
  EXPECT_FALSE(upload.response);  // the proxy's 407 is not the provider's answer
  EXPECT_THAT(upload.failure, HasSubstr("HTTP 407"));
  EXPECT_THAT(upload.failure, HasSubstr("user:password"));
}

}  // namespace
}  // namespace offpeak::test
