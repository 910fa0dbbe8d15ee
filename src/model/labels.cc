#include "model/labels.h"

#include <re2/re2.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>

#include "base/strings.h"

namespace weir::model {
namespace {

constexpr std::size_t kMaxRegexBytes = 10'000;
constexpr std::string_view kMetaCharacters = R"(\.+*?()|[]{}^$)";

bool NameLess(const Label& label, std::string_view name) { return label.name < name; }

bool NameGreater(std::string_view name, const Label& label) { return name < label.name; }

std::uint64_t MixWord(std::uint64_t hash, std::uint64_t word) {
  return std::rotl((hash ^ word) * 0x9e3779b97f4a7c15ULL, 29);
}

// As FNV-1a, but over words of eight bytes and with the length, which keeps apart texts that follow
// one another.
std::uint64_t Mix(std::uint64_t hash, std::string_view text) {
  hash = MixWord(hash, text.size());
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t count = std::min(text.size(), sizeof(word));
    std::memcpy(&word, text.data(), count);
    hash = MixWord(hash, word);
    text.remove_prefix(count);
  }
  return hash;
}

// The alternatives of a pattern like `a|b|c` that has no other operator; empty for any other.
std::vector<std::string> LiteralAlternatives(const std::string& pattern) {
  std::vector<std::string> parts = Split(pattern, '|');
  for (const std::string& part : parts) {
    if (part.find_first_of(kMetaCharacters) != std::string::npos) return {};
  }
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  return parts;
}

}  // namespace

Labels::Labels(std::vector<Label> labels) : labels_(std::move(labels)) {
  // Insertion keeps equal names in order and is linear for what is sorted already, as most are.
  for (auto it = labels_.begin(); it != labels_.end(); ++it) {
    if (it == labels_.begin() || std::prev(it)->name <= it->name) continue;
    auto place = std::upper_bound(labels_.begin(), it, it->name, NameGreater);
    std::rotate(place, it, std::next(it));
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    const bool overridden = i + 1 < labels_.size() && labels_[i + 1].name == labels_[i].name;
    if (overridden || labels_[i].value.empty()) continue;
    if (kept != i) labels_[kept] = std::move(labels_[i]);
    ++kept;
  }
  labels_.resize(kept);
}

std::string_view Labels::Get(std::string_view name) const {
  auto it = std::lower_bound(labels_.begin(), labels_.end(), name, NameLess);
  return it != labels_.end() && it->name == name ? std::string_view(it->value) : std::string_view();
}

bool Labels::Has(std::string_view name) const { return !Get(name).empty(); }

void Labels::Set(std::string_view name, std::string_view value) {
  if (value.empty()) return Remove(name);
  auto it = std::lower_bound(labels_.begin(), labels_.end(), name, NameLess);
  if (it != labels_.end() && it->name == name) {
    it->value = value;
  } else {
    labels_.insert(it, Label{std::string(name), std::string(value)});
  }
}

void Labels::Remove(std::string_view name) {
  auto it = std::lower_bound(labels_.begin(), labels_.end(), name, NameLess);
  if (it != labels_.end() && it->name == name) labels_.erase(it);
}

std::uint64_t Labels::Hash() const {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const Label& label : labels_) {
    hash = Mix(hash, label.name);
    hash = Mix(hash, label.value);
  }
  return hash;
}

std::string Labels::ToString() const {
  std::string text;
  for (const Label& label : labels_) {
    if (label.name == kMetricName) continue;
    text += text.empty() ? "" : ",";
    text += label.name + "=" + Quote(label.value);
  }
  const std::string name(MetricName());
  if (text.empty() && !name.empty()) return name;
  return name + "{" + text + "}";
}

Result<Matcher> Matcher::Make(MatchType type, std::string name, std::string value) {
  Matcher matcher;
  if (type == MatchType::kRegex || type == MatchType::kNotRegex) {
    if (value.size() > kMaxRegexBytes) {
      return Fail(Code::kInvalid, "the regular expression for label " + name + " has " +
                                      std::to_string(value.size()) + " bytes, the limit is " +
                                      std::to_string(kMaxRegexBytes));
    }
    re2::RE2::Options options;
    options.set_dot_nl(true);
    options.set_log_errors(false);
    auto regex = std::make_shared<const re2::RE2>(value, options);
    if (!regex->ok()) {
      return Fail(Code::kInvalid,
                  "the regular expression " + Quote(value) + " is not valid: " + regex->error());
    }
    matcher.alternatives_ = LiteralAlternatives(value);
    matcher.regex_ = std::move(regex);
  }
  matcher.type_ = type;
  matcher.name_ = std::move(name);
  matcher.value_ = std::move(value);
  return matcher;
}

bool Matcher::MatchesRegex(std::string_view value) const {
  if (!alternatives_.empty()) {
    return std::binary_search(alternatives_.begin(), alternatives_.end(), value);
  }
  if (value_ == ".*") return true;
  if (value_ == ".+") return !value.empty();
  return re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *regex_);
}

bool Matcher::Matches(std::string_view value) const {
  switch (type_) {
    case MatchType::kEqual:
      return value == value_;
    case MatchType::kNotEqual:
      return value != value_;
    case MatchType::kRegex:
      return MatchesRegex(value);
    case MatchType::kNotRegex:
      return !MatchesRegex(value);
  }
  return false;
}

std::string Matcher::ToString() const {
  std::string_view op;
  switch (type_) {
    case MatchType::kEqual:
      op = "=";
      break;
    case MatchType::kNotEqual:
      op = "!=";
      break;
    case MatchType::kRegex:
      op = "=~";
      break;
    case MatchType::kNotRegex:
      op = "!~";
      break;
  }
  return name_ + std::string(op) + Quote(value_);
}

bool MatchesAll(const std::vector<Matcher>& matchers, const Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(),
                     [&](const Matcher& matcher) { return matcher.Matches(labels); });
}

}  // namespace weir::model
