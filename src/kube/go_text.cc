#include "kube/go_text.h"

#include <optional>

#include "base/strings.h"

namespace weir::kube {
namespace {

bool IsNewline(char c) { return c == '\n' || c == '\r'; }

int SixBits(char c) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::size_t at = kAlphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::unexpected<Error> BadBase64(std::size_t at) {
  return Fail(Code::kInvalid, "illegal base64 data at input byte " + std::to_string(at));
}

// Checks what follows the first `=` at `at - 1` in a group of four; the position where it is wrong.
std::optional<std::size_t> WrongPadding(std::string_view text, std::size_t at, int filled) {
  auto skip_newlines = [&] {
    while (at < text.size() && IsNewline(text[at])) ++at;
  };
  if (filled < 2) return at - 1;
  if (filled == 2) {
    skip_newlines();
    if (at == text.size()) return at;
    if (text[at] != '=') return at - 1;
    ++at;
  }
  skip_newlines();
  if (at < text.size()) return at;
  return std::nullopt;
}

// Reads a time piece by piece as its layout says.
class TimeReader {
 public:
  TimeReader(std::string_view text, bool micro) : text_(text), rest_(text), micro_(micro) {}

  Result<Time> Read() {
    Status status = ReadPieces();
    if (!status) return std::unexpected(status.error());
    std::optional<Time> time = ParseRfc3339(text_);
    if (!time) return OutOfRange("day");
    return *time;
  }

 private:
  std::unexpected<Error> Wrong(std::string_view expected) {
    return Fail(Code::kInvalid, "parsing time " + Quote(text_) + " as \"" + std::string(Layout()) +
                                    "\": cannot parse " + Quote(rest_) + " as \"" +
                                    std::string(expected) + "\"");
  }
  std::unexpected<Error> OutOfRange(std::string_view what) {
    return Fail(Code::kInvalid,
                "parsing time " + Quote(text_) + ": " + std::string(what) + " out of range");
  }
  std::string_view Layout() const {
    return micro_ ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00";
  }

  bool TakeDigits(std::size_t count, int& value) {
    if (rest_.size() < count) return false;
    value = 0;
    for (char c : rest_.substr(0, count)) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(count);
    return true;
  }

  Status ReadPieces() {
    struct Piece {
      std::string_view layout;
      std::size_t digits;
      std::string_view range;  // what is out of range beyond [least, most]
      int least, most;
      std::string_view after;
    };
    constexpr Piece kPieces[] = {
        {"2006", 4, "", 0, 9999, "-"},   {"01", 2, "month", 1, 12, "-"},
        {"02", 2, "day", 1, 31, "T"},    {"15", 2, "hour", 0, 23, ":"},
        {"04", 2, "minute", 0, 59, ":"}, {"05", 2, "second", 0, 59, ""},
    };
    for (const Piece& piece : kPieces) {
      int value = 0;
      if (!TakeDigits(piece.digits, value)) return Wrong(piece.layout);
      if (value < piece.least || value > piece.most) return OutOfRange(piece.range);
      if (!rest_.starts_with(piece.after)) return Wrong(piece.after);
      rest_.remove_prefix(piece.after.size());
    }
    if (Status status = ReadFraction(); !status) return status;
    return ReadZone();
  }

  Status ReadFraction() {
    constexpr std::size_t kMicroDigits = 6;
    std::size_t digits = 0;
    while (rest_.size() > digits + 1 && rest_[0] == '.' && rest_[digits + 1] >= '0' &&
           rest_[digits + 1] <= '9') {
      ++digits;
    }
    if (micro_ && digits < kMicroDigits) return Wrong(".000000");
    if (micro_) digits = kMicroDigits;
    if (digits > 0) rest_.remove_prefix(digits + 1);
    return {};
  }

  Status ReadZone() {
    if (rest_.starts_with('Z')) {
      rest_.remove_prefix(1);
    } else {
      std::string_view zone = rest_;
      int hour = 0;
      int minute = 0;
      if (zone.empty() || (zone[0] != '+' && zone[0] != '-')) return Wrong("Z07:00");
      rest_.remove_prefix(1);
      bool shaped = TakeDigits(2, hour) && rest_.starts_with(':');
      if (shaped) rest_.remove_prefix(1);
      shaped = shaped && TakeDigits(2, minute);
      if (!shaped) {
        rest_ = zone;
        return Wrong("Z07:00");
      }
      if (hour > 24) return OutOfRange("time zone offset hour");
      if (minute > 60) return OutOfRange("time zone offset minute");
    }
    if (rest_.empty()) return {};
    return Fail(Code::kInvalid, "parsing time " + Quote(text_) + ": extra text: " + Quote(rest_));
  }

  std::string_view text_;
  std::string_view rest_;
  bool micro_;
};

}  // namespace

Result<std::string> DecodeGoBase64(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    std::uint32_t group = 0;
    int filled = 0;
    while (filled < 4) {
      if (at == text.size()) {
        if (filled == 0) return out;
        return BadBase64(at - static_cast<std::size_t>(filled));
      }
      char c = text[at++];
      if (int bits = SixBits(c); bits >= 0) {
        group = (group << 6U) | static_cast<std::uint32_t>(bits);
        ++filled;
        continue;
      }
      if (IsNewline(c)) continue;
      if (c != '=') return BadBase64(at - 1);
      if (std::optional<std::size_t> wrong = WrongPadding(text, at, filled)) {
        return BadBase64(*wrong);
      }
      group <<= static_cast<unsigned>(6 * (4 - filled));
      out += static_cast<char>(group >> 16U);
      if (filled == 3) out += static_cast<char>((group >> 8U) & 0xFFU);
      return out;
    }
    out += static_cast<char>(group >> 16U);
    out += static_cast<char>((group >> 8U) & 0xFFU);
    out += static_cast<char>(group & 0xFFU);
  }
}

Result<Time> ParseGoTime(std::string_view text, bool micro) {
  return TimeReader(text, micro).Read();
}

}  // namespace weir::kube
