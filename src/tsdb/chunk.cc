#include "tsdb/chunk.h"

#include <algorithm>
#include <array>
#include <bit>

namespace weir::tsdb {
namespace {

struct TimeClass {
  std::uint64_t prefix;
  unsigned prefix_bits;
  unsigned value_bits;
};

constexpr std::array<TimeClass, 4> kTimeClasses{
    {{0b10, 2, 14}, {0b110, 3, 17}, {0b1110, 4, 20}, {0b1111, 4, 64}}};

bool Fits(std::int64_t value, unsigned bits) {
  if (bits == 64) return true;
  const std::int64_t half = std::int64_t{1} << (bits - 1);
  return value >= -half && value < half;
}

// Sums and differences of times wrap around instead of overflowing: decoding wraps back.
std::int64_t WrappingSub(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t WrappingAdd(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

}  // namespace

Chunk ChunkWriter::Begin(model::Sample sample) {
  *this = ChunkWriter();
  value_ = sample.value;
  return Chunk{sample.time_ms, sample.time_ms, sample.value, 1, {}};
}

void ChunkWriter::Append(Chunk& chunk, model::Sample sample) {
  WriteTime(chunk, sample.time_ms);
  WriteValue(chunk, sample.value);
  chunk.end_ms = sample.time_ms;
  value_ = sample.value;
  ++chunk.count;
}

void ChunkWriter::WriteTime(Chunk& chunk, std::int64_t time_ms) {
  const std::int64_t delta = WrappingSub(time_ms, chunk.end_ms);
  const std::int64_t change = WrappingSub(delta, delta_);
  delta_ = delta;
  if (change == 0) return WriteBits(chunk, 0, 1);
  for (const TimeClass& time_class : kTimeClasses) {
    if (!Fits(change, time_class.value_bits)) continue;
    WriteBits(chunk, time_class.prefix, time_class.prefix_bits);
    WriteBits(chunk, static_cast<std::uint64_t>(change), time_class.value_bits);
    return;
  }
}

void ChunkWriter::WriteValue(Chunk& chunk, double value) {
  const std::uint64_t changed =
      std::bit_cast<std::uint64_t>(value) ^ std::bit_cast<std::uint64_t>(value_);
  if (changed == 0) return WriteBits(chunk, 0, 1);
  // Five bits hold up to 31 leading zeros.
  const auto leading = static_cast<std::uint8_t>(std::min(std::countl_zero(changed), 31));
  const auto trailing = static_cast<std::uint8_t>(std::countr_zero(changed));
  if (leading_ != 0xFF && leading >= leading_ && trailing >= trailing_) {
    WriteBits(chunk, 0b10, 2);
    WriteBits(chunk, changed >> trailing_, 64U - leading_ - trailing_);
    return;
  }
  leading_ = leading;
  trailing_ = trailing;
  const unsigned length = 64U - leading - trailing;
  WriteBits(chunk, 0b11, 2);
  WriteBits(chunk, leading, 5);
  WriteBits(chunk, length & 63U, 6);
  WriteBits(chunk, changed >> trailing, length);
}

// The low `count` bits of `value`, topmost first.
void ChunkWriter::WriteBits(Chunk& chunk, std::uint64_t value, unsigned count) {
  while (count > 0) {
    if (free_bits_ == 0) {
      chunk.bits.push_back(0);
      free_bits_ = 8;
    }
    const unsigned take = std::min<unsigned>(count, free_bits_);
    const std::uint64_t piece = (value >> (count - take)) & ((1U << take) - 1U);
    free_bits_ = static_cast<std::uint8_t>(free_bits_ - take);
    chunk.bits.back() = static_cast<std::uint8_t>(chunk.bits.back() | (piece << free_bits_));
    count -= take;
  }
}

ChunkReader::ChunkReader(const Chunk& chunk) : chunk_(chunk), next_(chunk.bits.data()) {}

bool ChunkReader::Next(model::Sample& sample) {
  if (read_ == chunk_.count) return false;
  if (read_++ == 0) {
    time_ms_ = chunk_.start_ms;
    value_bits_ = std::bit_cast<std::uint64_t>(chunk_.first);
  } else {
    delta_ = WrappingAdd(delta_, ReadDeltaOfDelta());
    time_ms_ = WrappingAdd(time_ms_, delta_);
    value_bits_ ^= ReadXor();
  }
  sample = {time_ms_, std::bit_cast<double>(value_bits_)};
  return true;
}

std::int64_t ChunkReader::ReadDeltaOfDelta() {
  if (!ReadBit()) return 0;
  std::size_t time_class = 0;
  while (time_class + 1 < kTimeClasses.size() && ReadBit()) ++time_class;
  const unsigned bits = kTimeClasses.at(time_class).value_bits;
  const std::uint64_t raw = ReadBits(bits);
  // Move the sign bit to the top and back, which fills in copies of it.
  return static_cast<std::int64_t>(raw << (64 - bits)) >> (64 - bits);
}

std::uint64_t ChunkReader::ReadXor() {
  if (!ReadBit()) return 0;
  if (ReadBit()) {
    leading_ = static_cast<unsigned>(ReadBits(5));
    length_ = static_cast<unsigned>(ReadBits(6));
    if (length_ == 0) length_ = 64;
  }
  return ReadBits(length_) << (64 - leading_ - length_);
}

std::uint64_t ChunkReader::ReadBits(unsigned count) {
  if (count > 32) {
    const std::uint64_t high = ReadBits(count - 32);
    return high << 32U | ReadBits(32);
  }
  // No end is checked for: a writer has put there all bits that `count` samples need.
  while (buffered_ < count) {
    buffer_ |= std::uint64_t{*next_++} << (56 - buffered_);
    buffered_ += 8;
  }
  const std::uint64_t bits = buffer_ >> (64 - count);
  buffer_ <<= count;
  buffered_ -= count;
  return bits;
}

}  // namespace weir::tsdb
