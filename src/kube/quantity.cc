#include "kube/quantity.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <vector>

#include "base/strings.h"

namespace weir::kube {
namespace {

constexpr std::string_view kFormatWrong =
    "quantities must match the regular expression "
    "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
constexpr std::string_view kSuffixWrong = "unable to parse quantity's suffix";

// 10^-9 is the finest amount that upstream keeps.
constexpr std::int64_t kNanoExponent = -9;
// Amounts of up to 18 digits take apimachinery's int64 path.
constexpr std::int64_t kInt64Digits = 18;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The pieces of a quantity's text, as apimachinery cuts it.
struct Pieces {
  bool negative = false;
  std::string_view integer;  // without leading zeros, "0" where nothing is left
  std::string_view fraction;
  std::string_view suffix;
};

std::optional<Pieces> Cut(std::string_view text) {
  Pieces out;
  std::size_t pos = 0;
  auto digits_from = [&](std::size_t from) {
    std::size_t end = from;
    while (end < text.size() && IsDigit(text[end])) ++end;
    return end;
  };
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    out.negative = text[0] == '-';
    pos = 1;
  }
  while (pos < text.size() && text[pos] == '0') ++pos;
  std::size_t end = digits_from(pos);
  out.integer = end > pos ? text.substr(pos, end - pos) : std::string_view("0");
  pos = end;
  if (pos < text.size() && text[pos] == '.') {
    end = digits_from(pos + 1);
    out.fraction = text.substr(pos + 1, end - pos - 1);
    pos = end;
  }
  std::size_t suffix = pos;
  while (pos < text.size() && std::string_view("eEinumkKMGTP").contains(text[pos])) ++pos;
  if (pos < text.size() && (text[pos] == '-' || text[pos] == '+')) ++pos;
  if (digits_from(pos) != text.size()) return std::nullopt;
  out.suffix = text.substr(suffix);
  return out;
}

struct Suffix {
  std::string_view text;
  std::int64_t exponent;  // of 10 or of 2
  Quantity::Format format;
};

constexpr Suffix kSuffixes[] = {
    {"n", -9, Quantity::Format::kDecimalSi}, {"u", -6, Quantity::Format::kDecimalSi},
    {"m", -3, Quantity::Format::kDecimalSi}, {"", 0, Quantity::Format::kDecimalSi},
    {"k", 3, Quantity::Format::kDecimalSi},  {"M", 6, Quantity::Format::kDecimalSi},
    {"G", 9, Quantity::Format::kDecimalSi},  {"T", 12, Quantity::Format::kDecimalSi},
    {"P", 15, Quantity::Format::kDecimalSi}, {"E", 18, Quantity::Format::kDecimalSi},
    {"Ki", 10, Quantity::Format::kBinarySi}, {"Mi", 20, Quantity::Format::kBinarySi},
    {"Gi", 30, Quantity::Format::kBinarySi}, {"Ti", 40, Quantity::Format::kBinarySi},
    {"Pi", 50, Quantity::Format::kBinarySi}, {"Ei", 60, Quantity::Format::kBinarySi},
};

std::optional<Suffix> Interpret(std::string_view text) {
  for (const Suffix& suffix : kSuffixes) {
    if (suffix.text == text) return suffix;
  }
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return std::nullopt;
  std::string_view number = text.substr(1);
  if (number[0] == '+' && number.size() > 1 && number[1] != '-') number.remove_prefix(1);
  std::optional<std::int64_t> exponent = ParseInt(number);
  if (!exponent) return std::nullopt;
  // Upstream keeps 32 bits of it; further out no amount can be meant.
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  return Suffix{text, std::clamp(*exponent, -kMost, kMost), Quantity::Format::kDecimalExponent};
}

std::string_view DecimalSuffix(std::int64_t exponent) {
  for (const Suffix& suffix : kSuffixes) {
    if (suffix.format == Quantity::Format::kDecimalSi && suffix.exponent == exponent) {
      return suffix.text;
    }
  }
  return "";  // upstream prints none beyond its table either
}

// digits (decimal text) times 2^shift.
std::string ShiftLeft(std::string_view digits, std::int64_t shift) {
  constexpr std::uint64_t kLimb = 1'000'000'000;
  std::vector<std::uint64_t> limbs;  // least significant first
  for (std::size_t end = digits.size(); end > 0;) {
    std::size_t begin = end > 9 ? end - 9 : 0;
    std::uint64_t limb = 0;
    std::from_chars(digits.data() + begin, digits.data() + end, limb);
    limbs.push_back(limb);
    end = begin;
  }
  for (std::int64_t done = 0; done < shift; done += 10) {
    std::uint64_t carry = 0;
    for (std::uint64_t& limb : limbs) {
      std::uint64_t product = limb * 1024 + carry;
      limb = product % kLimb;
      carry = product / kLimb;
    }
    if (carry > 0) limbs.push_back(carry);
  }
  std::string out;
  for (std::size_t i = limbs.size(); i > 0; --i) {
    std::string limb = std::to_string(limbs[i - 1]);
    if (!out.empty()) out.append(9 - limb.size(), '0');
    out += limb;
  }
  return out;
}

// Strips zeros at both ends; those at the right go into the exponent.
void Normalize(std::string& digits, std::int64_t& exponent) {
  std::size_t last = digits.find_last_not_of('0');
  if (last == std::string::npos) {
    digits.clear();
    exponent = 0;
    return;
  }
  exponent += static_cast<std::int64_t>(digits.size() - last - 1);
  digits.resize(last + 1);
  digits.erase(0, digits.find_first_not_of('0'));
}

// Rounds up in magnitude to a multiple of 10^to.
void RoundUp(std::string& digits, std::int64_t& exponent, std::int64_t to) {
  if (exponent >= to || digits.empty()) return;
  std::int64_t dropped = to - exponent;
  if (dropped >= static_cast<std::int64_t>(digits.size())) {
    digits = "1";
  } else {
    digits.resize(digits.size() - static_cast<std::size_t>(dropped));
    // What was dropped is not zero: no normalized number ends in 0.
    std::size_t i = digits.size();
    while (i > 0 && digits[i - 1] == '9') digits[--i] = '0';
    if (i == 0) {
      digits.insert(0, "1");
    } else {
      ++digits[i - 1];
    }
  }
  exponent = to;
  Normalize(digits, exponent);
}

// Compares digits * 10^exponent with whole, both positive.
int CompareMagnitude(std::string_view a, std::int64_t a_exponent, std::string_view b,
                     std::int64_t b_exponent) {
  if (a.empty() || b.empty()) return static_cast<int>(!a.empty()) - static_cast<int>(!b.empty());
  std::int64_t a_top = static_cast<std::int64_t>(a.size()) + a_exponent;
  std::int64_t b_top = static_cast<std::int64_t>(b.size()) + b_exponent;
  if (a_top != b_top) return a_top < b_top ? -1 : 1;
  return a.compare(b) < 0 ? -1 : (a == b ? 0 : 1);  // no zeros at the end, so text order is right
}

// Whole multiples of 10^unit in digits * 10^exponent, rounded up in magnitude; modulo 2^64.
struct Scaled {
  std::uint64_t low = 0;
  bool fits = true;  // 64 bits hold it
};

Scaled Scale(std::string digits, std::int64_t exponent, std::int64_t unit) {
  RoundUp(digits, exponent, unit);
  Scaled out;
  auto push = [&](std::uint64_t digit) {
    if (out.low > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) out.fits = false;
    out.low = out.low * 10 + digit;
  };
  for (char c : digits) push(static_cast<std::uint64_t>(c - '0'));
  if (digits.empty()) return out;
  // 64 factors of 10 hold 64 of 2: all bits are out then.
  for (std::int64_t i = std::min<std::int64_t>(exponent - unit, 64); i > 0; --i) push(0);
  return out;
}

constexpr std::uint64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

std::int64_t Saturate(const Scaled& scaled, bool negative) {
  if (!scaled.fits || scaled.low > kMaxInt64) {
    return negative ? std::numeric_limits<std::int64_t>::min()
                    : std::numeric_limits<std::int64_t>::max();
  }
  auto value = static_cast<std::int64_t>(scaled.low);
  return negative ? -value : value;
}

// 1000 and its powers: the exponent of the printed form, a multiple of 3 at or below `exponent`.
std::int64_t FloorToThousands(std::int64_t exponent) {
  std::int64_t rest = ((exponent % 3) + 3) % 3;
  return exponent - rest;
}

}  // namespace

Result<Quantity> Quantity::Parse(std::string_view text) {
  if (text.empty()) return Fail(Code::kInvalid, std::string(kFormatWrong));
  std::optional<Pieces> pieces = Cut(text);
  if (!pieces) return Fail(Code::kInvalid, std::string(kFormatWrong));
  std::optional<Suffix> suffix = Interpret(pieces->suffix);
  if (!suffix) return Fail(Code::kInvalid, std::string(kSuffixWrong));

  Quantity out;
  out.format_ = suffix->format;
  std::string digits = std::string(pieces->integer) + std::string(pieces->fraction);
  const std::string written = digits;
  bool binary = suffix->format == Format::kBinarySi;
  auto fraction_digits = static_cast<std::int64_t>(pieces->fraction.size());
  std::int64_t scale = (binary ? 0 : suffix->exponent) - fraction_digits;
  std::int64_t room = kInt64Digits - static_cast<std::int64_t>(written.size());
  if (binary) {
    // 2^exponent takes about 3/10 of it in decimal digits; fractions never take the int64 path.
    room = fraction_digits > 0
               ? -1
               : 14 - static_cast<std::int64_t>(written.size()) - suffix->exponent * 3 / 10;
  }
  out.wide_ = room < 0 || scale < kNanoExponent;
  out.exponent10_ = scale;
  out.parsed_exponent10_ = scale;
  out.digits_ = binary ? ShiftLeft(digits, suffix->exponent) : std::move(digits);
  Normalize(out.digits_, out.exponent10_);
  RoundUp(out.digits_, out.exponent10_, kNanoExponent);
  if (binary) {
    std::string most = std::to_string(kMaxInt64);
    if (CompareMagnitude(out.digits_, out.exponent10_, most, 0) > 0) {
      out.digits_ = most;
      out.exponent10_ = 0;
    }
    if (out.wide_ && CompareMagnitude(out.digits_, out.exponent10_, "1", 0) < 0) {
      out.format_ = Format::kDecimalSi;
    }
  }
  out.negative_ = pieces->negative && !out.digits_.empty();
  if (!out.wide_ && !out.digits_.empty()) {
    // Upstream's guess at what is canonical already; it lets `+5`, `007` and `5.` through.
    bool canonical = binary ? (Scale(written, 0, 0).low & 7U) != 0
                            : scale % 3 == 0 && !written.ends_with("000") && written[0] != '0';
    if (canonical) out.kept_ = text;
  }
  return out;
}

Quantity Quantity::FromMilli(std::int64_t milli, Format format) {
  Quantity out = FromInt(milli, format);
  if (!out.digits_.empty()) out.exponent10_ -= 3;
  return out;
}

Quantity Quantity::FromInt(std::int64_t value, Format format) {
  Quantity out;
  out.format_ = format;
  out.negative_ = value < 0;
  out.digits_ = std::to_string(value);
  if (out.negative_) out.digits_.erase(0, 1);
  Normalize(out.digits_, out.exponent10_);
  return out;
}

std::string Quantity::ToString() const {
  if (!kept_.empty()) return kept_;
  if (digits_.empty()) return "0";
  std::string sign = negative_ ? "-" : "";
  bool binary = format_ == Format::kBinarySi && exponent10_ >= 0 &&
                CompareMagnitude(digits_, exponent10_, "1024", 0) >= 0;
  if (binary) {
    Scaled whole = Scale(digits_, exponent10_, 0);
    if (whole.fits) {
      std::size_t power = 0;
      while (whole.low % 1024 == 0 && power < 6) {
        whole.low /= 1024;
        ++power;
      }
      constexpr std::string_view kBinary[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
      return sign + std::to_string(whole.low) + std::string(kBinary[power]);
    }
  }
  std::int64_t exponent = FloorToThousands(exponent10_);
  std::string number =
      sign + digits_ + std::string(static_cast<std::size_t>(exponent10_ - exponent), '0');
  if (format_ != Format::kDecimalExponent) return number + std::string(DecimalSuffix(exponent));
  return exponent == 0 ? number : number + "e" + std::to_string(exponent);
}

Quantity Quantity::RoundedUpToMilli() const {
  if (exponent10_ >= -3) return *this;
  Quantity out = *this;
  out.kept_.clear();
  RoundUp(out.digits_, out.exponent10_, -3);
  return out;
}

std::int64_t Quantity::MilliValue() const {
  return Saturate(Scale(digits_, exponent10_, -3), negative_);
}

std::int64_t Quantity::MilliValueWrapping() const {
  if (wide_ && negative_) {
    // Upstream divides the low 64 bits of the billionths, whether or not they are all.
    const auto nanos =
        static_cast<std::int64_t>(0 - Scale(digits_, exponent10_, kNanoExponent).low);
    return nanos / 1'000'000 + (nanos % 1'000'000 != 0 ? 1 : 0);
  }
  Scaled scaled = Scale(digits_, exponent10_, -3);
  bool overflows = !scaled.fits || scaled.low > kMaxInt64;
  if (overflows && !wide_) {
    // Upstream multiplies by these powers of ten unchecked, and gives up at others.
    constexpr std::int64_t kUnchecked[] = {-3, -2, -1, 0, 3, 6};
    if (std::ranges::find(kUnchecked, parsed_exponent10_) == std::end(kUnchecked)) return 0;
  }
  return static_cast<std::int64_t>(negative_ ? 0 - scaled.low : scaled.low);
}

std::int64_t Quantity::Value() const { return Saturate(Scale(digits_, exponent10_, 0), negative_); }

double Quantity::ToDouble() const {
  if (digits_.empty()) return 0;
  std::string text = (negative_ ? "-" : "") + digits_ + "e" + std::to_string(exponent10_);
  if (std::optional<double> value = ParseDouble(text)) return *value;
  // Out of range: too small to tell from zero, or beyond all doubles.
  if (exponent10_ < 0) return 0;
  return negative_ ? -std::numeric_limits<double>::infinity()
                   : std::numeric_limits<double>::infinity();
}

int Quantity::Sign() const { return digits_.empty() ? 0 : (negative_ ? -1 : 1); }

int Quantity::Compare(const Quantity& other) const {
  if (Sign() != other.Sign()) return Sign() < other.Sign() ? -1 : 1;
  int magnitude = CompareMagnitude(digits_, exponent10_, other.digits_, other.exponent10_);
  return negative_ ? -magnitude : magnitude;
}

}  // namespace weir::kube
