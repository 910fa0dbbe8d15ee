// Redis' wire protocol, RESP2: commands out, replies in. A state machine without I/O: bytes in,
// replies out, however the network cut them. Pure.
//
//   +text\r\n  -error\r\n  :integer\r\n  $length\r\nbytes\r\n ($-1: null)  *count\r\nreplies (*-1:
//   null)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::brokers {

struct RespValue {
  enum class Type { kNull, kText, kError, kInteger, kArray };
  Type type = Type::kNull;
  std::string text;  // of kText and kError
  std::int64_t integer = 0;
  std::vector<RespValue> elements;

  bool operator==(const RespValue&) const = default;
};

// Appends a command as an array of bulk strings.
void AppendCommand(std::string& out, const std::vector<std::string>& arguments);

struct RespLimits {
  std::size_t max_reply_bytes = 64U << 20U;  // of one reply, its elements included
  std::size_t max_line_bytes = 64U << 10U;
  std::size_t max_depth = 16;
};

class RespParser {
 public:
  explicit RespParser(RespLimits limits = {}) : limits_(limits) {}

  void Feed(std::string_view bytes) { input_.append(bytes); }
  // The next whole reply; nullopt where more bytes are needed. After an error (kInvalid) the
  // connection is of no more use.
  Result<std::optional<RespValue>> Next();

 private:
  struct Frame {
    RespValue value;
    std::size_t missing = 0;  // elements of the array that have not come yet
  };
  enum class Step { kValue, kNested, kMore };

  Result<Step> ReadOne(RespValue& value);
  Result<Step> ReadBulk(RespValue& value);
  std::optional<std::string_view> TakeLine();
  Status Charge(std::size_t bytes);
  void Compact();

  RespLimits limits_;
  std::string input_;
  std::size_t at_ = 0;               // what is before it has been read
  std::size_t scanned_ = 0;          // no line end between at_ and here
  std::optional<std::size_t> bulk_;  // length of the bulk string whose bytes are due
  std::vector<Frame> open_;          // arrays under way, outermost first
  std::size_t reply_bytes_ = 0;
  bool failed_ = false;
};

}  // namespace weir::brokers
