#include "http/answer_parser.hpp"

#include <gmock/gmock.h>

namespace offpeak::http {
namespace {

using testing::HasSubstr;

// Feeds `text` in pieces of `piece` bytes; nothing on failure.
std::unique_ptr<AnswerParser> parsed(std::string_view text, std::size_t piece,
                                     AnswerBody body = AnswerBody::as_announced) {
  auto parser = std::make_unique<AnswerParser>(body);
  while (!text.empty() && !parser->done()) {
    if (!parser->feed(text.substr(0, piece))) return nullptr;
    text.remove_prefix(std::min(piece, text.size()));
  }
  return parser;
}

const std::string plain = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nRequest-Id: req_1\r\n\r\nhello";
const std::string chunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: t\r\n\r\n";

TEST(AnswerParser, ReadsAnswersInPiecesOfAnySize) {
  for (const auto& text : {plain, chunked}) {
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
      const auto parser = parsed(text, piece);
      ASSERT_TRUE(parser);
      EXPECT_TRUE(parser->done());
      EXPECT_EQ(parser->response().status, 200);
      EXPECT_EQ(parser->response().body, "hello");
      EXPECT_EQ(parser->response().header("trailer"), "");
    }
  }
  EXPECT_EQ(parsed(plain, 7)->response().header("request-id"), "req_1");
}

// With less than five bytes of a chunked body's end Beast 1.81 stops the whole program.
TEST(AnswerParser, ReadsAnEmptyChunkedBodyInPiecesOfAnySize) {
  const std::string empty = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  for (std::size_t piece = 1; piece <= empty.size(); ++piece) {
    const auto parser = parsed(empty, piece);
    ASSERT_TRUE(parser) << piece;
    EXPECT_TRUE(parser->done()) << piece;
    EXPECT_EQ(parser->response().body, "");
  }
}

TEST(AnswerParser, AStatusBelow100IsNoInterimAnswer) {
  EXPECT_FALSE(parsed("HTTP/1.1 099 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 4096));
}

TEST(AnswerParser, NoCutIsTakenForAnEnd) {
  for (const auto& text : {plain, chunked}) {
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
      const auto parser = parsed(std::string_view(text).substr(0, cut), 4096);
      ASSERT_TRUE(parser);
      EXPECT_FALSE(parser->done()) << cut;
      EXPECT_FALSE(parser->feed_end()) << cut;
      EXPECT_FALSE(parser->done()) << cut;
    }
  }
}

TEST(AnswerParser, WithoutALengthTheEndIsTheEnd) {
  const auto parser = parsed("HTTP/1.1 200 OK\r\n\r\nhello", 3);
  ASSERT_TRUE(parser);
  EXPECT_FALSE(parser->done());
  EXPECT_TRUE(parser->feed_end());
  EXPECT_TRUE(parser->done());
  EXPECT_EQ(parser->response().body, "hello");
}

TEST(AnswerParser, ReadsAnswersWithoutABody) {
  for (const char* text :
       {"HTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 \r\ncontent-length:0\r\n\r\n"}) {
    for (const std::size_t piece : {1U, 100U}) EXPECT_TRUE(parsed(text, piece)->done()) << text;
  }
}

TEST(AnswerParser, SkipsInterimAnswersButNotForEver) {
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  for (const std::size_t piece : {1U, 30U, 4096U}) {
    const auto parser = parsed(interim + hints + interim + plain, piece);
    ASSERT_TRUE(parser);
    EXPECT_TRUE(parser->done());
    EXPECT_EQ(parser->response().status, 200);
    EXPECT_EQ(parser->response().body, "hello");
    EXPECT_EQ(parser->response().header("link"), "");
  }
  const auto waiting = parsed(interim, 4096);
  EXPECT_FALSE(waiting->header_done());
  EXPECT_FALSE(waiting->feed_end());
  std::string endless;
  for (int i = 0; i < 100; ++i) endless += interim;
  EXPECT_FALSE(parsed(endless, 4096));
  EXPECT_FALSE(parsed("HTTP/1.1 101 Switching Protocols\r\n\r\n", 4096));
}

TEST(AnswerParser, RefusesWhatIsNoHttp) {
  for (const std::string text :
       {"hello world\r\n\r\n", "<html>gone</html>\r\n", "HTTP/0.9 200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 99999 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbroken\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhelXX0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n", "\r\n\r\n\r\n",
        "\x16\x03\x01\x02"}) {
    for (const std::size_t piece : {1U, 4096U}) {
      // Refused at once, or as soon as no more comes.
      const auto parser = parsed(text, piece);
      EXPECT_TRUE(parser == nullptr || !parser->feed_end()) << text;
      if (parser) EXPECT_FALSE(parser->done()) << text;
    }
  }
}

TEST(AnswerParser, EverythingHasALimit) {
  const std::string start = "HTTP/1.1 200 OK\r\n";
  const std::string megabyte(1 << 20, 'a');
  EXPECT_FALSE(parsed("HTTP/1.1 200 " + megabyte, 8192));
  EXPECT_FALSE(parsed(start + "A: " + megabyte, 8192));
  std::string many = start;
  for (int i = 0; i < 100'000; ++i) many += "A: b\r\n";
  EXPECT_FALSE(parsed(many, 8192));
  const std::string to_chunks = start + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_FALSE(parsed(to_chunks + "5;" + megabyte, 8192));
  EXPECT_FALSE(parsed(to_chunks + "0\r\nT: " + megabyte, 8192));
}

TEST(AnswerParser, AHeaderOfSomeSizeIsFine) {
  const auto parser =
      parsed("HTTP/1.1 200 OK\r\nA: " + std::string(20'000, 'a') + "\r\nContent-Length: 0\r\n\r\n", 1000);
  ASSERT_TRUE(parser);
  EXPECT_TRUE(parser->done());
}

TEST(AnswerParser, AConnectHasNoBodyWhateverItAnnounces) {
  const auto parser = parsed("HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\n", 9, AnswerBody::none);
  ASSERT_TRUE(parser);
  EXPECT_TRUE(parser->done());
  EXPECT_EQ(parser->left_over(), "");
  const auto with_more = parsed("HTTP/1.1 200 OK\r\n\r\nmore", 4096, AnswerBody::none);
  EXPECT_TRUE(with_more->done());
  EXPECT_EQ(with_more->left_over(), "more");
}

TEST(AnswerParser, NulAndHighBytesInABodyAreKept) {
  std::string body;
  for (int i = 0; i < 256; ++i) body += static_cast<char>(i);
  const auto parser = parsed("HTTP/1.1 200 OK\r\nContent-Length: 256\r\n\r\n" + body, 10);
  ASSERT_TRUE(parser);
  EXPECT_EQ(parser->response().body, body);
}

}  // namespace
}  // namespace offpeak::http
