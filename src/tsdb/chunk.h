// A run of samples of one series, compressed as Gorilla does. Values; the open chunk has one
// writer.
//
// The first sample stands in the chunk's fields. Each later sample is a bit sequence:
//
//   time: the delta of deltas in milliseconds (the delta before the second sample is 0)
//     0                      the same delta as before
//     10   + 14 bits         two's complement, likewise below
//     110  + 17 bits
//     1110 + 20 bits
//     1111 + 64 bits
//   value: its bits XOR those of the value before
//     0                      the same value
//     10 + m bits            the XOR, cut to the window of the last one written
//     11 + 5 bits leading zeros + 6 bits length m (0 means 64) + m bits: a new window
#pragma once

#include <cstdint>
#include <vector>

#include "model/storage.h"

namespace weir::tsdb {

struct Chunk {
  std::int64_t start_ms = 0;
  std::int64_t end_ms = 0;
  double first = 0;
  std::uint32_t count = 0;
  std::vector<std::uint8_t> bits;
};

// Appends to the newest chunk of a series. Holds what the encoding of the next sample needs, so
// that closed chunks need not keep it.
class ChunkWriter {
 public:
  // Puts the first sample into a fresh chunk.
  Chunk Begin(model::Sample sample);
  // REQUIRES: `chunk` is the one begun last, and the sample is newer than its end.
  void Append(Chunk& chunk, model::Sample sample);
  double last_value() const { return value_; }

 private:
  void WriteTime(Chunk& chunk, std::int64_t time_ms);
  void WriteValue(Chunk& chunk, double value);
  void WriteBits(Chunk& chunk, std::uint64_t value, unsigned count);

  std::int64_t delta_ = 0;
  double value_ = 0;
  std::uint8_t leading_ = 0xFF;  // 0xFF: no window yet
  std::uint8_t trailing_ = 0;
  std::uint8_t free_bits_ = 0;  // in the last byte
};

// Steps through a chunk, oldest sample first.
class ChunkReader {
 public:
  // The chunk outlives the reader and is not written meanwhile.
  explicit ChunkReader(const Chunk& chunk);
  // false after the last sample.
  bool Next(model::Sample& sample);

 private:
  std::uint64_t ReadBits(unsigned count);
  bool ReadBit() { return ReadBits(1) != 0; }
  std::int64_t ReadDeltaOfDelta();
  std::uint64_t ReadXor();

  const Chunk& chunk_;
  const std::uint8_t* next_;  // byte to load
  std::uint64_t buffer_ = 0;  // loaded bits, first one topmost
  unsigned buffered_ = 0;
  std::uint32_t read_ = 0;
  std::int64_t time_ms_ = 0;
  std::int64_t delta_ = 0;
  std::uint64_t value_bits_ = 0;
  unsigned leading_ = 0;
  unsigned length_ = 0;
};

}  // namespace weir::tsdb
