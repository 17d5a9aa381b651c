#include "http/keyed_hash.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace offpeak::http {
namespace {

// RFC 4231, test cases 1, 2 and 3.
TEST(KeyedHashTest, IsTheFirstHalfOfHmacSha256) {
  EXPECT_EQ(keyed_hash("Hi There", std::string(20, '\x0b')), "b0344c61d8db38535ca8afceaf0bf12b");
  EXPECT_EQ(keyed_hash("what do ya want for nothing?", "Jefe"), "5bdcc146bf60754e6a042426089575c7");
  EXPECT_EQ(keyed_hash(std::string(50, '\xdd'), std::string(20, '\xaa')), "773ea91e36800e46854db8ebd09181a7");
}

TEST(KeyedHashTest, ASaltHasAtMostABlock) {
  EXPECT_NO_THROW(keyed_hash("a key", std::string(64, 's')));
  EXPECT_THROW(keyed_hash("a key", std::string(65, 's')), std::runtime_error);
}

}  // namespace
}  // namespace offpeak::http
