#include <gmock/gmock.h>

#include <thread>

#include "base/task_group.hpp"
#include "base/worker.hpp"
#include "unit/http/http_fixture.hpp"

namespace offpeak::test {
namespace {

using testing::HasSubstr;

struct UploadTest : testing::Test {
  http::Upload upload(ScriptedServer& server, FakeBody& body) { return upload(server, body, origin_at(server)); }
  http::Upload upload(ScriptedServer& server, FakeBody& body, http::Origin origin) {
    http::Client client(io.get_executor(), std::move(origin));
    return run(io, server, client.upload(post(), body));
  }
  asio::io_context io;
};

const std::string batch_json = R"({"id":"msgbatch_1"})";

// A plain coroutine, because a lambda with captures must not be one.
Task<> server_has(const ScriptedServer* server, std::size_t body_bytes) {
  co_await until([=] { return server->connections() == 1 && server->at(0).body_bytes() >= body_bytes; });
  co_await pause(std::chrono::milliseconds(20));
  EXPECT_EQ(server->at(0).body_bytes(), body_bytes);
}

TEST_F(UploadTest, SendsTheBodyAndReadsTheAnswer) {
  ScriptedServer server(io, {read_head(), read_body(11), send(answer("200 OK", batch_json))});
  FakeBody body("hello world", 4);
  const auto upload = this->upload(server, body);
  EXPECT_TRUE(upload.last_byte_left);
  EXPECT_TRUE(upload.response_complete);
  EXPECT_EQ(upload.failure, "");
  ASSERT_TRUE(upload.response);
  EXPECT_EQ(upload.response->status, 200);
  EXPECT_EQ(upload.response->body, batch_json);
  EXPECT_EQ(server.only().body(), "hello world");
  EXPECT_THAT(server.only().request, HasSubstr("POST /v1/messages/batches HTTP/1.1\r\n"));
  EXPECT_THAT(server.only().request, HasSubstr("Content-Length: 11\r\n"));
  EXPECT_THAT(server.only().request, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(body.asked, 1);
}

TEST_F(UploadTest, TheServerHasAllButOneByteBeforeTheConsent) {
  const std::size_t bytes = 1'000'000;
  ScriptedServer server(io, {read_head(), read_body(bytes), send(answer("200 OK", batch_json))});
  FakeBody body(std::string(bytes, 'x'), 100'000);
  body.on_consent = [&] { return server_has(&server, bytes - 1); };
  const auto upload = this->upload(server, body);
  EXPECT_TRUE(upload.last_byte_left);
  EXPECT_TRUE(upload.response_complete);
  EXPECT_EQ(server.only().body_bytes(), bytes);
}

TEST_F(UploadTest, WithoutConsentTheLastByteNeverLeaves) {
  ScriptedServer server(io, {read_head(), read_body(100'000), send(answer("200 OK", batch_json))});
  FakeBody body(std::string(100'000, 'x'));
  body.consent = false;
  body.on_consent = [&] { return server_has(&server, 99'999); };
  const auto upload = this->upload(server, body);
  EXPECT_FALSE(upload.last_byte_left);
  EXPECT_TRUE(upload.source_failed);
  EXPECT_FALSE(upload.response);
  EXPECT_THAT(upload.failure, HasSubstr("could not be stored"));
  EXPECT_EQ(server.only().body_bytes(), 99'999U);
}

TEST_F(UploadTest, OneByteIsTheWholeBody) {
  ScriptedServer server(io, {read_head(), read_body(1), send(answer("200 OK", batch_json))});
  FakeBody body("x");
  body.on_consent = [&] { return server_has(&server, 0); };
  const auto upload = this->upload(server, body);
  EXPECT_TRUE(upload.last_byte_left);
  EXPECT_TRUE(upload.response_complete);
  EXPECT_EQ(server.only().body(), "x");
}

Task<> head_is_incomplete(const ScriptedServer* server) {
  co_await until([=] { return server->connections() == 1 && !server->at(0).request.empty(); });
  co_await pause(std::chrono::milliseconds(20));
  EXPECT_EQ(server->at(0).request.find("\r\n\r\n"), std::string::npos);
}

TEST_F(UploadTest, AnEmptyBodyHoldsBackTheHeadersLastByte) {
  ScriptedServer server(io, {read_head(), send(answer("200 OK", batch_json))});
  FakeBody body("");
  body.on_consent = [&] { return head_is_incomplete(&server); };
  const auto upload = this->upload(server, body);
  EXPECT_TRUE(upload.last_byte_left);
  EXPECT_TRUE(upload.response_complete);
  EXPECT_THAT(server.only().request, HasSubstr("Content-Length: 0\r\n"));
}

TEST_F(UploadTest, AnEarlyAnswerStopsTheUploadAndNobodyIsAskedForConsent) {
  // The server reads no byte of the body: the write blocks, and only the answer can end it.
  ScriptedServer server(io, {read_head(), send(answer("413 Payload Too Large", "too large")), stall()});
  FakeBody body(std::string(64 << 20, 'x'), 1 << 20);
  const auto upload = this->upload(server, body);
  EXPECT_FALSE(upload.last_byte_left);
  EXPECT_FALSE(upload.source_failed);
  EXPECT_TRUE(upload.response_complete);
  ASSERT_TRUE(upload.response);
  EXPECT_EQ(upload.response->status, 413);
  EXPECT_EQ(upload.response->body, "too large");
  EXPECT_EQ(upload.failure, "");
  EXPECT_EQ(body.asked, 0);
  EXPECT_LT(body.blocks, 64);
}

Task<> early_answer_has_been_sent(const ScriptedServer* server, std::size_t at) {
  if (at == 0) co_return;
  co_await until([=] { return server->at(0).ended; });
  co_await pause(std::chrono::milliseconds(20));
}

TEST_F(UploadTest, AnEarlyAnswerAndACloseAreSeenBeforeTheConsent) {
  ScriptedServer server(io, {read_head(), read_body(10), send(answer("401 Unauthorized", "no")), close_now()});
  FakeBody body(std::string(200'000, 'x'), 100'000);
  body.on_block = [&](std::size_t at) { return early_answer_has_been_sent(&server, at); };
  const auto upload = this->upload(server, body);
  EXPECT_FALSE(upload.last_byte_left);
  EXPECT_EQ(body.asked, 0);
  ASSERT_TRUE(upload.response);
  EXPECT_EQ(upload.response->status, 401);
}

TEST_F(UploadTest, AnAnswerThatComesWithTheLastBlockIsSeenBeforeTheConsent) {
  ScriptedServer server(io, {read_head(), read_body(99), send(answer("401 Unauthorized", "no")), close_now()});
  FakeBody body(std::string(100, 'x'));
  // The source is asked once more at its end, when 99 bytes have left.
  body.on_block = [&](std::size_t at) { return early_answer_has_been_sent(&server, at); };
  const auto upload = this->upload(server, body);
  EXPECT_FALSE(upload.last_byte_left);
  EXPECT_EQ(body.asked, 0);
  ASSERT_TRUE(upload.response);
  EXPECT_EQ(upload.response->status, 401);
}

TEST_F(UploadTest, AnEarlyAnswerEndsAWriteThatThePeerHoldsUp) {
  // By the time of the answer all buffers are full and the write waits.
  ScriptedServer server(io, {read_head(), wait_for(200), send(answer("413 Payload Too Large", "")), stall()});
  FakeBody body(std::string(64 << 20, 'x'), 1 << 20);
  auto origin = origin_at(server);
  origin.progress_timeout = Duration(20'000);
  const auto begin = std::chrono::steady_clock::now();
  const auto upload = this->upload(server, body, origin);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, Duration(15'000));
  EXPECT_FALSE(upload.last_byte_left);
  ASSERT_TRUE(upload.response);
  EXPECT_EQ(upload.response->status, 413);
}

Task<> answered_meanwhile(const ScriptedServer* server) {
  co_await until([=] { return server->at(0).ended; });
  co_await pause(std::chrono::milliseconds(50));
}

TEST_F(UploadTest, AnAnswerDuringTheConsentKeepsTheByteBackButCountsAsLeft) {
  ScriptedServer server(io, {read_head(), read_body(99), send(answer("503 No", "later")), close_now()});
  FakeBody body(std::string(100, 'x'));
  body.on_consent = [&] { return answered_meanwhile(&server); };
  const auto upload = this->upload(server, body);
  EXPECT_TRUE(upload.last_byte_left);
  ASSERT_TRUE(upload.response);
  EXPECT_EQ(upload.response->status, 503);
  EXPECT_EQ(server.only().body_bytes(), 99U);
}

Task<> header_is_here() { co_await pause(std::chrono::milliseconds(50)); }

TEST_F(UploadTest, AHeaderDuringTheConsentKeepsTheByteBackThoughTheConnectionLives) {
  ScriptedServer server(io, {read_head(), read_body(99), send("HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\n"),
                             read_body(100), send("later")});
  FakeBody body(std::string(100, 'x'));
  body.on_consent = [] { return header_is_here(); };
  auto origin = origin_at(server);
  origin.progress_timeout = Duration(200);
  const auto upload = this->upload(server, body, origin);
  EXPECT_TRUE(upload.last_byte_left);
  ASSERT_TRUE(upload.response);
  EXPECT_EQ(upload.response->status, 503);
  EXPECT_FALSE(upload.response_complete);
  EXPECT_EQ(server.only().body_bytes(), 99U);
}

TEST_F(UploadTest, ACutDuringTheConsentCountsAsLeft) {
  ScriptedServer server(io, {read_head(), read_body(99), reset_now()});
  FakeBody body(std::string(100, 'x'));
  body.on_consent = [&] { return answered_meanwhile(&server); };
  const auto upload = this->upload(server, body);
  EXPECT_TRUE(upload.last_byte_left);
  EXPECT_FALSE(upload.response);
  EXPECT_NE(upload.failure, "");
}

TEST_F(UploadTest, AConsentThatComesTooLateKeepsTheByteBackAndIsAProvenNo) {
  ScriptedServer server(io, {read_head(), read_body(100), send(answer("200 OK", batch_json))});
  FakeBody body(std::string(100, 'x'));
  body.on_consent = [] { return pause(std::chrono::milliseconds(50)); };
  auto origin = origin_at(server);
  origin.last_byte_limit = Duration(10);
  const auto upload = this->upload(server, body, origin);
  EXPECT_EQ(body.asked, 1);
  EXPECT_FALSE(upload.last_byte_left);
  EXPECT_TRUE(upload.source_failed);
  EXPECT_FALSE(upload.response);
  EXPECT_THAT(upload.failure, HasSubstr("the last byte was withheld: more than 10ms"));
  EXPECT_EQ(server.only().body_bytes(), 99U);
}

TEST_F(UploadTest, ByDefaultTheByteHasTheTimeThatSettlingReliesOn) {
  EXPECT_EQ(http::Origin().last_byte_limit, commit_to_last_byte_max);
}

Task<int> upload_until_the_server_ended(ScriptedServer* server, http::Client* client, FakeBody* body,
                                        http::Upload* into) {
  *into = co_await client->upload(post(), *body);
  co_await until([server] { return server->at(0).ended; });
  co_await server->stop();
  co_return 0;
}

// What waits in our kernel is not sent behind the back of an upload that was given up.
TEST_F(UploadTest, WhatDidNotArriveIsDroppedWithTheUpload) {
  ScriptedServer server(io, {read_head(), wait_for(300), read_body(64 << 20)});
  FakeBody body(std::string(64 << 20, 'x'));
  auto origin = origin_at(server);
  origin.progress_timeout = Duration(100);
  http::Client client(io.get_executor(), origin);
  http::Upload upload;
  run(io, upload_until_the_server_ended(&server, &client, &body, &upload));
  EXPECT_FALSE(upload.last_byte_left);
  EXPECT_EQ(body.asked, 0);
  EXPECT_TRUE(server.only().reset);
}

TEST_F(UploadTest, AnAnsweredUploadEndsInAnOrderlyWay) {
  ScriptedServer server(io, {read_head(), read_body(100), send(answer("200 OK", batch_json)), read_body(200)});
  FakeBody body(std::string(100, 'x'));
  http::Client client(io.get_executor(), origin_at(server));
  http::Upload upload;
  run(io, upload_until_the_server_ended(&server, &client, &body, &upload));
  EXPECT_TRUE(upload.response_complete);
  EXPECT_FALSE(server.only().reset);
}

TEST_F(UploadTest, ACutBeforeTheLastByteIsProvenlyNotSent) {
  for (const auto& cut : {close_now(), reset_now()}) {
    ScriptedServer server(io, {read_head(), read_body(1000), cut});
    FakeBody body(std::string(32 << 20, 'x'));
    const auto upload = this->upload(server, body);
    EXPECT_FALSE(upload.last_byte_left);
    EXPECT_FALSE(upload.response);
    EXPECT_FALSE(upload.source_failed);
    EXPECT_THAT(upload.failure, HasSubstr("127.0.0.1"));
    EXPECT_EQ(body.asked, 0);
  }
}

TEST_F(UploadTest, ACutAfterTheLastByteLeavesItUnknown) {
  for (const auto& cut : {close_now(), reset_now()}) {
    ScriptedServer server(io, {read_head(), read_body(100), cut});
    FakeBody body(std::string(100, 'x'));
    const auto upload = this->upload(server, body);
    EXPECT_TRUE(upload.last_byte_left);
    EXPECT_FALSE(upload.response);
    EXPECT_NE(upload.failure, "");
  }
}

TEST_F(UploadTest, AnAnswerThatIsCutIsGivenAsFarAsItCame) {
  const auto whole = answer("200 OK", batch_json);
  ScriptedServer server(io, {read_head(), read_body(100), send(whole.substr(0, whole.size() - 5)), close_now()});
  FakeBody body(std::string(100, 'x'));
  const auto upload = this->upload(server, body);
  EXPECT_TRUE(upload.last_byte_left);
  EXPECT_FALSE(upload.response_complete);
  ASSERT_TRUE(upload.response);
  EXPECT_EQ(upload.response->body, batch_json.substr(0, batch_json.size() - 5));
  EXPECT_THAT(upload.failure, HasSubstr("in the middle of the answer"));
}

TEST_F(UploadTest, ABodyThatIsNotAsAnnouncedIsNeverCompleted) {
  for (const std::uint64_t announced : {99U, 101U, 1U, 0x7FFFFFFFU}) {
    ScriptedServer server(io, {read_head(), read_body(announced), send(answer("200 OK", batch_json))});
    FakeBody body(std::string(100, 'x'), 33);
    body.announced = announced;
    const auto upload = this->upload(server, body);
    EXPECT_FALSE(upload.last_byte_left) << announced;
    EXPECT_TRUE(upload.source_failed) << announced;
    EXPECT_EQ(body.asked, 0);
  }
}

TEST_F(UploadTest, ASourceThatEndsExactlyAtTheAnnouncedByteButGoesOnIsRefused) {
  ScriptedServer server(io, {read_head(), read_body(66), send(answer("200 OK", batch_json))});
  FakeBody body(std::string(100, 'x'), 33);
  body.announced = 66;
  const auto upload = this->upload(server, body);
  EXPECT_FALSE(upload.last_byte_left);
  EXPECT_TRUE(upload.source_failed);
}

TEST_F(UploadTest, AFailingSourceIsNotTheNetworksFault) {
  ScriptedServer server(io, {read_head(), stall()});
  FakeBody body(std::string(1000, 'x'), 100);
  body.fail_at = 500;
  const auto upload = this->upload(server, body);
  EXPECT_FALSE(upload.last_byte_left);
  EXPECT_TRUE(upload.source_failed);
  EXPECT_EQ(upload.failure, "the claimed file changed");
}

TEST_F(UploadTest, SmallBlocksAreGathered) {
  ScriptedServer server(io, {read_head(), read_body(300'000), send(answer("200 OK", batch_json))});
  std::string text;
  for (int i = 0; text.size() < 300'000; ++i) text += std::to_string(i) + " ";
  text.resize(300'000);
  FakeBody body(text, 10);
  const auto upload = this->upload(server, body);
  EXPECT_TRUE(upload.response_complete);
  EXPECT_EQ(server.only().body(), text);
}

// A body that keeps no more than it must: each block lies where the one before the last lay.
class TwoBlocks : public http::BodyReader {
 public:
  explicit TwoBlocks(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const override { return text_.size(); }
  Task<Result<std::string_view>> next_block() override {
    auto& block = blocks_[asked_++ % 2];
    block.assign(block.size(), '#');
    block = text_.substr(at_, 70'000);
    at_ += block.size();
    co_return std::string_view(block);
  }
  Task<Result<void>> before_last_byte() override { co_return Result<void>(); }

 private:
  std::string text_, blocks_[2];
  std::size_t asked_ = 0, at_ = 0;
};

TEST_F(UploadTest, ABlockIsDoneWithWhenTheOneAfterTheNextIsAskedFor) {
  ScriptedServer server(io, {read_head(), read_body(2'000'000), send(answer("200 OK", batch_json))});
  std::string text;
  for (int i = 0; text.size() < 2'000'000; ++i) text += std::to_string(i) + " ";
  text.resize(2'000'000);
  TwoBlocks body(text);
  http::Client client(io.get_executor(), origin_at(server));
  const auto upload = run(io, server, client.upload(post(), body));
  EXPECT_TRUE(upload.response_complete);
  EXPECT_TRUE(server.only().body() == text);
}

TEST_F(UploadTest, NoAnswerInTimeIsAFailureAfterTheLastByte) {
  ScriptedServer server(io, {read_head(), read_body(100), stall()});
  FakeBody body(std::string(100, 'x'));
  auto origin = origin_at(server);
  origin.answer_timeout = Duration(150);
  const auto upload = this->upload(server, body, origin);
  EXPECT_TRUE(upload.last_byte_left);
  EXPECT_THAT(upload.failure, HasSubstr("timed out after 150ms"));
}

TEST_F(UploadTest, APeerThatTakesNothingIsTimedOutBeforeTheLastByte) {
  ScriptedServer server(io, {read_head(), stall()});
  FakeBody body(std::string(64 << 20, 'x'));
  auto origin = origin_at(server);
  origin.progress_timeout = Duration(150);
  const auto upload = this->upload(server, body, origin);
  EXPECT_FALSE(upload.last_byte_left);
  EXPECT_THAT(upload.failure, HasSubstr("timed out after 150ms"));
}

TEST_F(UploadTest, ASlowDiskIsNotTheNetworksTimeout) {
  ScriptedServer server(io, {read_head(), read_body(100), send(answer("200 OK", batch_json))});
  FakeBody body(std::string(100, 'x'), 50);
  body.on_block = [](std::size_t) { return pause(std::chrono::milliseconds(150)); };
  body.on_consent = [] { return pause(std::chrono::milliseconds(150)); };
  auto origin = origin_at(server);
  origin.progress_timeout = Duration(100);
  EXPECT_TRUE(upload(server, body, origin).response_complete);
}

TEST_F(UploadTest, NobodyListeningIsProvenlyNotSent) {
  http::Origin origin;
  {
    ScriptedServer gone(io, {stall()});
    origin = origin_at(gone);
    run(io, gone, [](asio::io_context&) -> Task<int> { co_return 0; }(io));
  }
  http::Client client(io.get_executor(), origin);
  FakeBody body("hello");
  const auto upload = run(io, client.upload(post(), body));
  EXPECT_FALSE(upload.last_byte_left);
  EXPECT_THAT(upload.failure, HasSubstr("refused"));
}

// --- Cancellation
// -----------------------------------------------------------------------------------------------------

Task<> keep_upload(http::Client* client, FakeBody* body, std::optional<http::Upload>* into) {
  *into = co_await client->upload(post(), *body);
}

Task<> never() {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
  co_await timer.async_wait(asio::use_awaitable);
}

// Cancels the upload once `when` holds.
template <class Predicate>
Task<int> cancel_when(ScriptedServer& server, http::Client& client, FakeBody& body, std::optional<http::Upload>& into,
                      Predicate when) {
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("upload", keep_upload(&client, &body, &into));
  co_await until(when);
  group.cancel();
  co_await group.join();
  co_await server.stop();
  co_return 0;
}

TEST_F(UploadTest, CanceledWhileItSendsItSaysThatTheLastByteStayed) {
  ScriptedServer server(io, {read_head(), stall()});
  FakeBody body(std::string(64 << 20, 'x'));
  http::Client client(io.get_executor(), origin_at(server));
  std::optional<http::Upload> upload;
  run(io, cancel_when(server, client, body, upload, [&] { return body.blocks >= 1; }));
  ASSERT_TRUE(upload);
  EXPECT_FALSE(upload->last_byte_left);
  EXPECT_EQ(upload->failure, "canceled");
}

TEST_F(UploadTest, TheNextBlockIsReadWhileOneIsSentAndNoMore) {
  // The server reads nothing, so the first block never leaves.
  ScriptedServer server(io, {read_head(), stall()});
  FakeBody body(std::string(128 << 20, 'x'), 32 << 20);
  http::Client client(io.get_executor(), origin_at(server));
  std::optional<http::Upload> upload;
  run(io, cancel_when(server, client, body, upload, [&] { return body.blocks >= 2; }));
  ASSERT_TRUE(upload);
  EXPECT_FALSE(upload->last_byte_left);
  EXPECT_FALSE(upload->source_failed);
  EXPECT_EQ(body.blocks, 2);
}

TEST_F(UploadTest, CanceledWhileABlockIsReadItEndsAtOnce) {
  ScriptedServer server(io, {read_head(), stall()});
  FakeBody body(std::string(1000, 'x'), 100);
  body.on_block = [](std::size_t at) { return at < 500 ? pause(std::chrono::milliseconds(0)) : never(); };
  http::Client client(io.get_executor(), origin_at(server));
  std::optional<http::Upload> upload;
  run(io, cancel_when(server, client, body, upload, [&] { return body.blocks == 6; }));
  ASSERT_TRUE(upload);
  EXPECT_FALSE(upload->last_byte_left);
  EXPECT_FALSE(upload->source_failed);
  EXPECT_EQ(upload->failure, "canceled");
}

TEST_F(UploadTest, CanceledInTheConsentItSaysThatTheLastByteStayed) {
  ScriptedServer server(io, {read_head(), read_body(100), send(answer("200 OK", batch_json))});
  FakeBody body(std::string(100, 'x'));
  body.on_consent = [] { return never(); };
  http::Client client(io.get_executor(), origin_at(server));
  std::optional<http::Upload> upload;
  run(io, cancel_when(server, client, body, upload, [&] { return body.asked == 1; }));
  ASSERT_TRUE(upload);
  EXPECT_FALSE(upload->last_byte_left);
  EXPECT_EQ(upload->failure, "canceled");
  EXPECT_EQ(server.only().body_bytes(), 99U);
}

Task<int> join_all(TaskGroup* group) {
  co_await group->join();
  co_return 0;
}

// As a commit on the database worker does: it is asked to stop, finishes nevertheless, and says yes.
Task<> finish_though_canceled(TaskGroup* group, Worker* worker) {
  group->cancel();
  co_await worker->run([] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); });
}

TEST_F(UploadTest, AConsentGivenWhileCanceledCountsAsLeftAndTheByteStays) {
  ScriptedServer server(io, {read_head(), read_body(100), send(answer("200 OK", batch_json))});
  FakeBody body(std::string(100, 'x'));
  http::Client client(io.get_executor(), origin_at(server));
  std::optional<http::Upload> upload;
  Worker worker;
  TaskGroup group(io.get_executor());
  body.on_consent = [&] { return finish_though_canceled(&group, &worker); };
  group.spawn("upload", keep_upload(&client, &body, &upload));
  run(io, server, join_all(&group));
  ASSERT_TRUE(upload);
  EXPECT_TRUE(upload->last_byte_left);
  EXPECT_EQ(upload->failure, "canceled");
  EXPECT_EQ(server.only().body_bytes(), 99U);
}

TEST_F(UploadTest, CanceledWhileItWaitsForTheAnswerItSaysThatTheLastByteLeft) {
  ScriptedServer server(io, {read_head(), read_body(100), stall()});
  FakeBody body(std::string(100, 'x'));
  http::Client client(io.get_executor(), origin_at(server));
  std::optional<http::Upload> upload;
  run(io, cancel_when(server, client, body, upload,
                      [&] { return server.connections() == 1 && server.at(0).body_bytes() == 100; }));
  ASSERT_TRUE(upload);
  EXPECT_TRUE(upload->last_byte_left);
  EXPECT_EQ(upload->failure, "canceled");
}

Task<> throwing() {
  throw std::logic_error("a broken invariant");
  co_return;
}

TEST_F(UploadTest, WhatTheSourceThrowsIsThrownOn) {
  ScriptedServer server(io, {read_head(), stall()});
  FakeBody body(std::string(1000, 'x'), 100);
  body.on_block = [](std::size_t at) { return at < 500 ? pause(std::chrono::milliseconds(0)) : throwing(); };
  http::Client client(io.get_executor(), origin_at(server));
  EXPECT_THROW(run(io,
                   [](ScriptedServer* of, Task<http::Upload> task) -> Task<int> {
                     std::exception_ptr thrown;
                     try {
                       co_await std::move(task);
                     } catch (...) {
                       thrown = std::current_exception();
                     }
                     co_await of->stop();
                     if (thrown) std::rethrow_exception(thrown);
                     co_return 0;
                   }(&server, client.upload(post(), body))),
               std::logic_error);
}

}  // namespace
}  // namespace offpeak::test
