#include "net/hmac.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace weir::net {
namespace {

TEST(Hmac, IsThatOfRfc4231) {
  const std::string mac = HmacSha256("Jefe", "what do ya want for nothing?");
  std::string hex;
  for (const char c : mac) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  EXPECT_EQ(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_TRUE(EqualSecrets(mac, HmacSha256("Jefe", "what do ya want for nothing?")));
  EXPECT_FALSE(EqualSecrets(mac, HmacSha256("jefe", "what do ya want for nothing?")));
  EXPECT_FALSE(EqualSecrets(mac, mac.substr(1)));
}

}  // namespace
}  // namespace weir::net
