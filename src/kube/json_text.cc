#include "kube/json_text.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "base/strings.h"

namespace weir::kube {
namespace {

constexpr int kMaxDepth = 512;

// encoding/json's quoteChar: the byte as a character.
std::string QuotedChar(char c) {
  if (c == '\'') return "'\\''";
  if (c == '"') return "'\"'";
  auto byte = static_cast<unsigned char>(c);
  std::string text(1, c);
  if (byte >= 0x80) {
    // Go turns the byte into the code point of that number.
    text = {static_cast<char>(0xC0U | (byte >> 6U)), static_cast<char>(0x80U | (byte & 0x3FU))};
  }
  std::string quoted = weir::Quote(text);
  if (byte >= 0x80 && byte < 0xA0) {
    constexpr std::string_view kHex = "0123456789abcdef";
    quoted = std::string("\"\\u00") + kHex[byte >> 4U] + kHex[byte & 0xFU] + "\"";
  }
  return "'" + quoted.substr(1, quoted.size() - 2) + "'";
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<JsonText> Parse() {
    JsonText out;
    if (!ParseValue(out, 0)) return Fail(Code::kInvalid, error_);
    SkipBlanks();
    if (at_ < text_.size()) {
      Refuse("after top-level value");
      return Fail(Code::kInvalid, error_);
    }
    return out;
  }

 private:
  void SkipBlanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool AtDigit() const { return Peek() >= '0' && Peek() <= '9'; }

  // Always false: the parse ends here.
  bool Refuse(std::string_view where) {
    error_ = at_ >= text_.size()
                 ? "unexpected end of JSON input"
                 : "invalid character " + QuotedChar(text_[at_]) + " " + std::string(where);
    return false;
  }

  // Recursive descent, bounded by kMaxDepth.
  bool ParseValue(JsonText& out, int depth) {
    if (depth > kMaxDepth) {
      error_ = "exceeded max depth";
      return false;
    }
    SkipBlanks();
    std::size_t begin = at_;
    bool parsed = false;
    switch (Peek()) {
      case '{':
        parsed = ParseObject(out, depth);
        break;
      case '[':
        parsed = ParseArray(out, depth);
        break;
      case '"':
        out.kind = JsonText::Kind::kString;
        parsed = ParseString();
        break;
      case 't':
        parsed = ParseLiteral(out, JsonText::Kind::kBool, "true");
        break;
      case 'f':
        parsed = ParseLiteral(out, JsonText::Kind::kBool, "false");
        break;
      case 'n':
        parsed = ParseLiteral(out, JsonText::Kind::kNull, "null");
        break;
      default:
        out.kind = JsonText::Kind::kNumber;
        parsed =
            Peek() == '-' || AtDigit() ? ParseNumber() : Refuse("looking for beginning of value");
    }
    out.raw = text_.substr(begin, at_ - begin);
    return parsed;
  }

  bool ParseObject(JsonText& out, int depth) {
    out.kind = JsonText::Kind::kObject;
    ++at_;
    SkipBlanks();
    if (Peek() == '}') return Skip();
    while (true) {
      SkipBlanks();
      if (Peek() != '"') return Refuse("looking for beginning of object key string");
      JsonText name;
      std::size_t begin = at_;
      if (!ParseString()) return false;
      name.raw = text_.substr(begin, at_ - begin);
      SkipBlanks();
      if (Peek() != ':') return Refuse("after object key");
      ++at_;
      JsonMember& member = out.members.emplace_back(Unquote(name), JsonText());
      if (!ParseValue(member.value, depth + 1)) return false;
      SkipBlanks();
      if (Peek() == '}') return Skip();
      if (Peek() != ',') return Refuse("after object key:value pair");
      ++at_;
    }
  }

  bool ParseArray(JsonText& out, int depth) {
    out.kind = JsonText::Kind::kArray;
    ++at_;
    SkipBlanks();
    if (Peek() == ']') return Skip();
    while (true) {
      if (!ParseValue(out.items.emplace_back(), depth + 1)) return false;
      SkipBlanks();
      if (Peek() == ']') return Skip();
      if (Peek() != ',') return Refuse("after array element");
      ++at_;
    }
  }

  bool Skip() {
    ++at_;
    return true;
  }

  bool ParseString() {
    for (++at_; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == '"') return Skip();
      if (static_cast<unsigned char>(c) < 0x20) return Refuse("in string literal");
      if (c != '\\') continue;
      ++at_;
      if (Peek() == 'u') {
        for (int i = 0; i < 4; ++i) {
          ++at_;
          if (!std::string_view("0123456789abcdefABCDEF").contains(Peek()) || Peek() == '\0') {
            return Refuse("in \\u hexadecimal character escape");
          }
        }
      } else if (Peek() == '\0' || !std::string_view("\"\\/bfnrt").contains(Peek())) {
        return Refuse("in string escape code");
      }
    }
    return Refuse("");
  }

  bool ParseLiteral(JsonText& out, JsonText::Kind kind, std::string_view literal) {
    out.kind = kind;
    for (char c : literal) {
      if (Peek() != c) {
        return Refuse("in literal " + std::string(literal) + " (expecting " + QuotedChar(c) + ")");
      }
      ++at_;
    }
    return true;
  }

  bool ParseDigits(std::string_view where) {
    if (!AtDigit()) return Refuse(where);
    while (AtDigit()) ++at_;
    return true;
  }

  bool ParseNumber() {
    if (Peek() == '-') ++at_;
    if (Peek() == '0') {
      ++at_;
    } else if (!ParseDigits("in numeric literal")) {
      return false;
    }
    if (Peek() == '.') {
      ++at_;
      if (!ParseDigits("after decimal point in numeric literal")) return false;
    }
    if (Peek() == 'e' || Peek() == 'E') {
      ++at_;
      if (Peek() == '+' || Peek() == '-') ++at_;
      if (!ParseDigits("in exponent of numeric literal")) return false;
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string error_;
};

void AppendUtf8(std::string& out, std::uint32_t rune) {
  auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (rune < 0x80) {
    put(rune);
  } else if (rune < 0x800) {
    put(0xC0U | (rune >> 6U));
    put(0x80U | (rune & 0x3FU));
  } else if (rune < 0x10000) {
    put(0xE0U | (rune >> 12U));
    put(0x80U | ((rune >> 6U) & 0x3FU));
    put(0x80U | (rune & 0x3FU));
  } else {
    put(0xF0U | (rune >> 18U));
    put(0x80U | ((rune >> 12U) & 0x3FU));
    put(0x80U | ((rune >> 6U) & 0x3FU));
    put(0x80U | (rune & 0x3FU));
  }
}

constexpr std::uint32_t kReplacement = 0xFFFD;

// The code point of `\uXXXX` at the beginning of the text, or nullopt.
std::optional<std::uint32_t> TakeEscape(std::string_view text) {
  if (text.size() < 6 || !text.starts_with("\\u")) return std::nullopt;
  std::uint32_t out = 0;
  std::from_chars(text.data() + 2, text.data() + 6, out, 16);
  return out;
}

// The length of the character at the beginning of the text where it is right UTF-8, or 0.
std::size_t CharacterLength(std::string_view text) {
  auto lead = static_cast<unsigned char>(text[0]);
  std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (length > text.size()) return 0;
  return length == 1 || IsUtf8(text.substr(0, length)) ? length : 0;
}

char Unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

}  // namespace

const JsonText* JsonText::Find(std::string_view name) const {
  const JsonText* found = nullptr;
  for (const JsonMember& member : members) {
    if (member.name == name) found = &member.value;
  }
  return found;
}

std::string_view JsonText::KindName() const {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "bool";
    case Kind::kNumber:
      return "number";
    case Kind::kString:
      return "string";
    case Kind::kObject:
      return "object";
    case Kind::kArray:
      return "array";
  }
  return "";
}

Result<JsonText> ParseJsonText(std::string_view text) { return Parser(text).Parse(); }

std::string Unquote(const JsonText& string) {
  std::string_view text = string.raw.substr(1, string.raw.size() - 2);
  if (!text.contains('\\') && IsUtf8(text)) return std::string(text);
  std::string out;
  while (!text.empty()) {
    if (std::optional<std::uint32_t> rune = TakeEscape(text)) {
      text.remove_prefix(6);
      if (*rune >= 0xD800 && *rune < 0xE000) {
        // A pair makes one character; half of one makes none.
        std::optional<std::uint32_t> low = TakeEscape(text);
        bool pair = *rune < 0xDC00 && low && *low >= 0xDC00 && *low < 0xE000;
        if (pair) text.remove_prefix(6);
        rune = pair ? 0x10000 + ((*rune - 0xD800) << 10U) + (*low - 0xDC00) : kReplacement;
      }
      AppendUtf8(out, *rune);
    } else if (text[0] == '\\') {
      out += Unescaped(text[1]);
      text.remove_prefix(2);
    } else if (std::size_t length = CharacterLength(text); length > 0) {
      out += text.substr(0, length);
      text.remove_prefix(length);
    } else {
      AppendUtf8(out, kReplacement);
      text.remove_prefix(1);
    }
  }
  return out;
}

Json ToJson(const JsonText& value) {
  switch (value.kind) {
    case JsonText::Kind::kNull:
      return nullptr;
    case JsonText::Kind::kBool:
      return value.raw == "true";
    case JsonText::Kind::kString:
      return Unquote(value);
    case JsonText::Kind::kNumber: {
      if (std::optional<std::int64_t> integer = ParseInt(value.raw)) return *integer;
      std::optional<double> number = ParseDouble(value.raw);
      return number && std::isfinite(*number) ? Json(*number) : Json(nullptr);
    }
    case JsonText::Kind::kObject: {
      Json out = Json::object();
      for (const JsonMember& member : value.members) out[member.name] = ToJson(member.value);
      return out;
    }
    case JsonText::Kind::kArray: {
      Json out = Json::array();
      for (const JsonText& item : value.items) out.push_back(ToJson(item));
      return out;
    }
  }
  return nullptr;
}

}  // namespace weir::kube
