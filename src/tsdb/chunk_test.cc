#include "tsdb/chunk.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "env/random.h"

namespace weir::tsdb {
namespace {

using model::Sample;

// Compares by bits: NaN equals itself here.
void ExpectReadsBack(const std::vector<Sample>& samples) {
  ASSERT_FALSE(samples.empty());
  ChunkWriter writer;
  Chunk chunk = writer.Begin(samples.front());
  for (std::size_t i = 1; i < samples.size(); ++i) writer.Append(chunk, samples[i]);
  EXPECT_EQ(chunk.count, samples.size());
  EXPECT_EQ(chunk.start_ms, samples.front().time_ms);
  EXPECT_EQ(chunk.end_ms, samples.back().time_ms);
  ChunkReader reader(chunk);
  Sample got;
  for (const Sample& want : samples) {
    ASSERT_TRUE(reader.Next(got));
    EXPECT_EQ(got.time_ms, want.time_ms);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(got.value), std::bit_cast<std::uint64_t>(want.value));
  }
  EXPECT_FALSE(reader.Next(got));
}

TEST(Chunk, ReadsBackAtTheEdgesOfEachClass) {
  std::vector<Sample> samples{{0, 0}};
  std::int64_t delta = 0;
  for (const std::int64_t change :
       {0L, 1L, -1L, 8191L, -8192L, 8192L, -8193L, 65535L, -65536L, 65536L, -65537L, 524287L,
        -524288L, 524288L, -524289L, 1L << 40, -(1L << 40), 3L}) {
    delta += change;
    samples.push_back({samples.back().time_ms + delta, static_cast<double>(change)});
  }
  ExpectReadsBack(samples);
}

TEST(Chunk, ReadsBackSpecialValues) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  ExpectReadsBack({{1, 1}});
  ExpectReadsBack({{1, 0.0},
                   {2, -0.0},
                   {3, kInf},
                   {4, -kInf},
                   {5, std::nan("")},
                   {6, model::StaleMarker()},
                   {7, model::StaleMarker()},
                   {8, 1},
                   {9, std::numeric_limits<double>::denorm_min()},
                   {10, std::numeric_limits<double>::max()}});
  ExpectReadsBack({{std::numeric_limits<std::int64_t>::min(), 1},
                   {-1, 1},
                   {std::numeric_limits<std::int64_t>::max(), 2}});
}

TEST(Chunk, ReadsBackRandomSamples) {
  env::SeededRandom random(11);
  for (int round = 0; round < 200; ++round) {
    std::vector<Sample> samples{{static_cast<std::int64_t>(random.Below(1U << 30U)), 1}};
    for (int i = 0; i < 120; ++i) {
      const std::int64_t step =
          1 + static_cast<std::int64_t>(random.Next() >> (20 + random.Below(44)));
      const std::uint64_t bits = random.Next() & (~0ULL << random.Below(64));
      samples.push_back({samples.back().time_ms + step, random.Below(3) == 0
                                                            ? samples.back().value
                                                            : std::bit_cast<double>(bits)});
    }
    ExpectReadsBack(samples);
  }
}

TEST(Chunk, RegularDataIsSmall) {
  env::SeededRandom random(5);
  ChunkWriter writer;
  Chunk chunk = writer.Begin({0, 0});
  double total = 0;
  for (int i = 1; i < 120; ++i) {
    total += static_cast<double>(random.Below(3));
    writer.Append(chunk, {i * 1000, total});
  }
  EXPECT_LT(static_cast<double>(chunk.bits.size()) / chunk.count, 3.0);

  chunk = writer.Begin({0, 7});
  for (int i = 1; i < 120; ++i) writer.Append(chunk, {i * 1000, 7});
  EXPECT_LT(chunk.bits.size(), 40U);
}

}  // namespace
}  // namespace weir::tsdb
