#include "brokers/resp.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/strings.h"

namespace weir::brokers {
namespace {

// What an element costs beside its bytes, so that a reply of many small ones is bounded too.
constexpr std::size_t kElementBytes = sizeof(RespValue);

}  // namespace

void AppendCommand(std::string& out, const std::vector<std::string>& arguments) {
  fmt::format_to(std::back_inserter(out), "*{}\r\n", arguments.size());
  for (const std::string& argument : arguments) {
    fmt::format_to(std::back_inserter(out), "${}\r\n", argument.size());
    out += argument;
    out += "\r\n";
  }
}

Result<std::optional<RespValue>> RespParser::Next() {
  if (failed_) return Fail(Code::kInvalid, "the reply stream is broken");
  while (true) {
    RespValue value;
    const Result<Step> step = ReadOne(value);
    if (!step) {
      failed_ = true;
      return std::unexpected(step.error());
    }
    if (*step == Step::kMore) {
      Compact();
      return std::nullopt;
    }
    if (*step == Step::kNested) continue;
    // A whole value: it may complete the arrays around it.
    while (!open_.empty()) {
      Frame& frame = open_.back();
      frame.value.elements.push_back(std::move(value));
      if (--frame.missing > 0) break;
      value = std::move(frame.value);
      open_.pop_back();
      if (open_.empty()) {
        reply_bytes_ = 0;
        return value;
      }
    }
    if (open_.empty()) {
      reply_bytes_ = 0;
      return value;
    }
  }
}

Status RespParser::Charge(std::size_t bytes) {
  reply_bytes_ += bytes;
  if (reply_bytes_ <= limits_.max_reply_bytes) return {};
  return Fail(Code::kInvalid, fmt::format("reply above {} bytes", limits_.max_reply_bytes));
}

// A line without its CRLF, taken from the input; nullopt where its end has not come.
std::optional<std::string_view> RespParser::TakeLine() {
  const std::size_t end = input_.find("\r\n", std::max(at_, scanned_));
  if (end == std::string::npos) {
    scanned_ = std::max(at_, input_.empty() ? 0 : input_.size() - 1);  // a CR may be the last byte
    return std::nullopt;
  }
  const std::string_view line = std::string_view(input_).substr(at_, end - at_);
  at_ = end + 2;
  scanned_ = at_;
  return line;
}

Result<RespParser::Step> RespParser::ReadOne(RespValue& value) {
  if (bulk_) return ReadBulk(value);
  const std::optional<std::string_view> line = TakeLine();
  if (!line || line->size() > limits_.max_line_bytes) {
    if (!line && input_.size() - at_ <= limits_.max_line_bytes) return Step::kMore;
    return Fail(Code::kInvalid, fmt::format("reply line above {} bytes", limits_.max_line_bytes));
  }
  if (line->empty()) return Fail(Code::kInvalid, "empty reply line");
  if (Status charged = Charge(line->size() + kElementBytes); !charged) {
    return std::unexpected(charged.error());
  }
  const char kind = line->front();
  const std::string_view rest = line->substr(1);
  if (kind == '+' || kind == '-') {
    value.type = kind == '+' ? RespValue::Type::kText : RespValue::Type::kError;
    value.text = rest;
    return Step::kValue;
  }
  const std::optional<std::int64_t> number = ParseInt(rest);
  if ((kind != ':' && kind != '$' && kind != '*') || !number) {
    return Fail(Code::kInvalid, fmt::format("not a Redis reply: {}", Quote(line->substr(0, 40))));
  }
  if (kind == ':') {
    value.type = RespValue::Type::kInteger;
    value.integer = *number;
    return Step::kValue;
  }
  if (*number == -1) return Step::kValue;  // null
  if (*number < 0) return Fail(Code::kInvalid, fmt::format("reply of negative length {}", *number));
  const auto length = static_cast<std::size_t>(*number);
  if (kind == '$') {
    if (Status charged = Charge(length); !charged) return std::unexpected(charged.error());
    bulk_ = length;
    return ReadBulk(value);
  }
  value.type = RespValue::Type::kArray;
  if (length == 0) return Step::kValue;
  if (open_.size() >= limits_.max_depth) {
    return Fail(Code::kInvalid, fmt::format("reply nested deeper than {}", limits_.max_depth));
  }
  if (length > limits_.max_reply_bytes / kElementBytes) {
    return Fail(Code::kInvalid, fmt::format("reply of {} elements", length));
  }
  open_.push_back(Frame{std::move(value), length});
  return Step::kNested;
}

Result<RespParser::Step> RespParser::ReadBulk(RespValue& value) {
  const std::size_t length = *bulk_;
  if (input_.size() - at_ < length + 2) return Step::kMore;
  if (input_.compare(at_ + length, 2, "\r\n") != 0) {
    return Fail(Code::kInvalid, "bulk string longer than announced");
  }
  value.type = RespValue::Type::kText;
  value.text.assign(input_, at_, length);
  at_ += length + 2;
  bulk_.reset();
  return Step::kValue;
}

// Drops what has been read, when that is worth the move.
void RespParser::Compact() {
  if (at_ < input_.size() / 2) return;
  input_.erase(0, at_);
  scanned_ = scanned_ > at_ ? scanned_ - at_ : 0;
  at_ = 0;
}

}  // namespace weir::brokers
