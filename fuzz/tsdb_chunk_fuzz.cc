// Writes arbitrary samples into a chunk and reads the same ones back.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "tsdb/chunk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kRecord = 12;  // four bytes of time step, eight of value
  std::vector<weir::model::Sample> samples;
  std::int64_t time_ms = 0;
  for (; size >= kRecord && samples.size() < 1000; data += kRecord, size -= kRecord) {
    std::uint32_t step = 0;
    std::uint64_t bits = 0;
    std::memcpy(&step, data, sizeof(step));
    std::memcpy(&bits, data + sizeof(step), sizeof(bits));
    time_ms += step;
    samples.push_back({time_ms, std::bit_cast<double>(bits)});
  }
  if (samples.empty()) return 0;
  weir::tsdb::ChunkWriter writer;
  weir::tsdb::Chunk chunk = writer.Begin(samples.front());
  for (std::size_t i = 1; i < samples.size(); ++i) writer.Append(chunk, samples[i]);
  weir::tsdb::ChunkReader reader(chunk);
  weir::model::Sample got;
  for (const weir::model::Sample& want : samples) {
    WEIR_CHECK(reader.Next(got));
    WEIR_CHECK(got.time_ms == want.time_ms);
    WEIR_CHECK(std::bit_cast<std::uint64_t>(got.value) == std::bit_cast<std::uint64_t>(want.value));
  }
  WEIR_CHECK(!reader.Next(got));
  return 0;
}
