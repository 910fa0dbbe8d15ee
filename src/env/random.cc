#include "env/random.h"

#include <array>
#include <string_view>

#include "base/check.h"

namespace weir::env {

std::uint64_t Random::Below(std::uint64_t bound) {
  WEIR_CHECK(bound > 0);
  // Draws from the incomplete last round are thrown away: every result is equally likely.
  const std::uint64_t unfair = (0 - bound) % bound;
  std::uint64_t draw = Next();
  while (draw < unfair) draw = Next();
  return draw % bound;
}

double Random::Fraction() { return static_cast<double>(Next() >> 11U) * 0x1p-53; }

std::string Random::NameSuffix(int length) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string suffix;
  for (int i = 0; i < length; ++i) suffix += kAlphabet[Below(kAlphabet.size())];
  return suffix;
}

std::string Random::Uuid() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<std::uint64_t, 2> words{Next(), Next()};
  words[0] = (words[0] & ~0xF000ULL) | 0x4000ULL;          // version 4
  words[1] = (words[1] & ~(3ULL << 62U)) | (2ULL << 62U);  // variant of RFC 9562
  std::string uuid;
  for (unsigned i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) uuid += '-';
    uuid += kDigits[(words[i / 16] >> (60U - 4U * (i % 16))) & 0xFU];
  }
  return uuid;
}

std::uint64_t SeededRandom::Next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31U);
}

}  // namespace weir::env
