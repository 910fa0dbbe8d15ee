// A series' identity: its labels, and matchers that select series. Values, any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace weir::model {

inline constexpr std::string_view kMetricName = "__name__";

struct Label {
  std::string name;
  std::string value;
  auto operator<=>(const Label&) const = default;
};

// Labels sorted by name, each name once, no empty value (Prometheus: an empty value is no label).
class Labels {
 public:
  Labels() = default;
  // Sorts; of equal names the last counts; empty values are dropped.
  explicit Labels(std::vector<Label> labels);
  Labels(std::initializer_list<Label> labels) : Labels(std::vector<Label>(labels)) {}

  // Empty where the label is absent.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  // An empty value removes the label.
  void Set(std::string_view name, std::string_view value);
  void Remove(std::string_view name);
  std::string_view MetricName() const { return Get(kMetricName); }

  // 64 bits over names and values, the same in every run.
  std::uint64_t Hash() const;
  // `name{a="b",c="d"}` as Prometheus prints it; `{}` where there are none.
  std::string ToString() const;

  auto begin() const { return labels_.begin(); }
  auto end() const { return labels_.end(); }
  std::size_t size() const { return labels_.size(); }
  bool empty() const { return labels_.empty(); }
  auto operator<=>(const Labels&) const = default;

 private:
  std::vector<Label> labels_;
};

enum class MatchType { kEqual, kNotEqual, kRegex, kNotRegex };

// One condition on one label; an absent label has the empty value. Regular expressions are RE2's,
// anchored at both ends, `.` matching newlines too, as in Prometheus.
class Matcher {
 public:
  // kInvalid for a regular expression that RE2 refuses or that is longer than 10,000 bytes.
  static Result<Matcher> Make(MatchType type, std::string name, std::string value);

  bool Matches(std::string_view value) const;
  bool Matches(const Labels& labels) const { return Matches(labels.Get(name_)); }

  MatchType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }
  // The only values that the regular expression can match, sorted, where it is a plain list such as
  // `a|b|c`; empty for any other matcher. An index looks these up instead of trying every value.
  const std::vector<std::string>& alternatives() const { return alternatives_; }
  // `name="value"`, `name=~"value"`.
  std::string ToString() const;

 private:
  Matcher() = default;
  bool MatchesRegex(std::string_view value) const;

  MatchType type_ = MatchType::kEqual;
  std::string name_;
  std::string value_;
  std::vector<std::string> alternatives_;
  std::shared_ptr<const re2::RE2> regex_;
};

// Whether all hold.
bool MatchesAll(const std::vector<Matcher>& matchers, const Labels& labels);

}  // namespace weir::model
