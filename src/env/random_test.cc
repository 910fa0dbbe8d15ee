#include "env/random.h"

#include <gtest/gtest.h>

#include <array>

namespace weir::env {
namespace {

TEST(Random, SeededRandomIsTheSameEverywhere) {
  SeededRandom random(0);
  EXPECT_EQ(random.Next(), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(random.Next(), 0x6e789e6aa1b965f4ULL);
}

TEST(Random, BelowIsEvenAndBounded) {
  SeededRandom random(7);
  std::array<int, 10> seen{};
  for (int i = 0; i < 10'000; ++i) ++seen.at(random.Below(10));
  for (const int count : seen) EXPECT_NEAR(count, 1000, 150);
  EXPECT_EQ(random.Below(1), 0U);
}

TEST(Random, FractionStaysBelowOne) {
  SeededRandom random(7);
  for (int i = 0; i < 1000; ++i) {
    const double f = random.Fraction();
    EXPECT_GE(f, 0);
    EXPECT_LT(f, 1);
  }
}

TEST(Random, NameSuffixUsesKubernetesAlphabet) {
  SeededRandom random(7);
  const std::string suffix = random.NameSuffix(500);
  EXPECT_EQ(suffix.size(), 500U);
  EXPECT_EQ(suffix.find_first_not_of("bcdfghjklmnpqrstvwxz2456789"), std::string::npos);
}

TEST(Random, UuidIsVersion4) {
  SeededRandom random(7);
  for (int i = 0; i < 100; ++i) {
    const std::string uuid = random.Uuid();
    ASSERT_EQ(uuid.size(), 36U);
    EXPECT_EQ(uuid[14], '4');
    EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos);
    for (const std::size_t dash : {8U, 13U, 18U, 23U}) EXPECT_EQ(uuid[dash], '-');
  }
  EXPECT_NE(random.Uuid(), random.Uuid());
}

}  // namespace
}  // namespace weir::env
