// What a rule group remembers between evaluations, and what one evaluation writes. Pure: series are
// read from the Queryable given, at the time given; the caller writes the results. One thread at a
// time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/storage.h"
#include "rules/rule.h"

namespace weir::rules {

struct Write {
  model::Labels labels;
  std::int64_t time_ms = 0;
  double value = 0;  // a stale marker where the series has vanished
};

struct RuleError {
  std::size_t index = 0;  // in the group
  std::string rule;
  Error error;
};

struct Outcome {
  std::vector<Write> writes;
  std::vector<RuleError> errors;
};

enum class AlertState { kPending, kFiring };

struct Alert {
  AlertState state = AlertState::kPending;
  Time active_at;
  std::optional<Time> keep_firing_since;  // when its expression stopped to hold
  double value = 0;
};

class GroupState {
 public:
  explicit GroupState(Group group);

  // All rules in order; each sees what earlier ones write. A rule that fails is told in `errors`
  // and leaves its series as they were; the others go on.
  Outcome Evaluate(Time now, const model::Queryable& storage);
  // Stale markers for all series of the last evaluation; forgets them. For a group that ends.
  std::vector<Write> Retire(Time now);

  // Whether the value of any rule depends on the series, present or absent.
  bool Reads(const model::Labels& labels) const;
  // Whether it may depend on some series of this name: false is certain.
  bool MayRead(std::string_view metric_name) const;

  const Group& group() const { return group_; }
  // The alerts of the group's i-th rule, by their labels.
  const std::map<model::Labels, Alert>& alerts(std::size_t rule) const {
    return states_[rule].alerts;
  }

 private:
  struct RuleState {
    std::vector<model::Labels> series;  // of the last evaluation, sorted
    std::map<model::Labels, Alert> alerts;
  };

  Result<std::vector<Write>> EvaluateRule(std::size_t index, Time now,
                                          const model::Queryable& storage);
  Result<std::vector<Write>> Record(const Rule& rule, std::int64_t now_ms,
                                    const model::Vector& vector) const;
  Result<std::vector<Write>> UpdateAlerts(const Rule& rule, Time now, const model::Vector& vector,
                                          std::map<model::Labels, Alert>& alerts) const;

  Group group_;
  std::vector<RuleState> states_;
  // Selectors of all rules: those that ask for one name, and the others.
  std::map<std::string, std::vector<std::vector<model::Matcher>>, std::less<>> reads_by_name_;
  std::vector<std::vector<model::Matcher>> reads_any_;
};

}  // namespace weir::rules
