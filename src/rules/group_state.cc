#include "rules/group_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "promql/evaluator.h"
#include "promql/parser.h"

namespace weir::rules {
namespace {

using model::Labels;
using model::Matcher;
using model::SeriesData;

// The storage with the group's own writes of this evaluation on top.
class Overlay final : public model::Queryable {
 public:
  explicit Overlay(const model::Queryable& below) : below_(below) {}

  void Add(const Write& write) { writes_[write.labels] = {write.time_ms, write.value}; }

  Result<std::vector<SeriesData>> Select(const std::vector<Matcher>& matchers, std::int64_t min_ms,
                                         std::int64_t max_ms) const override {
    auto series = below_.Select(matchers, min_ms, max_ms);
    if (!series || writes_.empty()) return series;
    std::map<Labels, std::vector<model::Sample>> merged;
    for (const auto& [labels, sample] : writes_) {
      const bool inside = sample.time_ms >= min_ms && sample.time_ms <= max_ms;
      if (inside && model::MatchesAll(matchers, labels)) merged[labels].push_back(sample);
    }
    if (merged.empty()) return series;
    for (SeriesData& data : *series) {
      std::vector<model::Sample>& samples = merged[data.labels];
      // A write at a time already taken stands in for what is there.
      if (!samples.empty()) {
        std::erase_if(data.samples, [&samples](const model::Sample& s) {
          return s.time_ms >= samples.front().time_ms;
        });
      }
      samples.insert(samples.begin(), data.samples.begin(), data.samples.end());
    }
    std::vector<SeriesData> result;
    for (auto& [labels, samples] : merged) result.push_back({labels, std::move(samples)});
    return result;
  }

 private:
  const model::Queryable& below_;
  std::map<Labels, model::Sample> writes_;
};

void ApplyLabels(const std::vector<model::Label>& labels, Labels& to) {
  for (const model::Label& label : labels) to.Set(label.name, label.value);
}

Result<model::Vector> ResultVector(Result<model::QueryValue> value) {
  if (!value) return std::unexpected(value.error());
  if (auto* vector = std::get_if<model::Vector>(&*value)) return std::move(*vector);
  if (const auto* scalar = std::get_if<model::Scalar>(&*value)) {
    return model::Vector{{Labels(), scalar->time_ms, scalar->value}};
  }
  return Fail(Code::kInvalid, "rule result is not a vector or scalar");
}

Status CheckLimit(std::size_t limit, std::size_t count, std::string_view what) {
  if (limit == 0 || count <= limit) return {};
  return Fail(Code::kInvalid, fmt::format("exceeded limit of {} with {} {}", limit, count, what));
}

// Whether an alert whose expression no longer holds is over, or is to fire a while longer.
bool Ends(const Rule& rule, Alert& alert, Time now) {
  if (alert.state != AlertState::kFiring || rule.keep_firing == Duration(0)) return true;
  if (!alert.keep_firing_since) alert.keep_firing_since = now;
  return now - *alert.keep_firing_since >= rule.keep_firing;
}

}  // namespace

GroupState::GroupState(Group group) : group_(std::move(group)), states_(group_.rules.size()) {
  for (const Rule& rule : group_.rules) {
    for (std::vector<Matcher>& matchers : promql::SelectorsOf(*rule.expr)) {
      const auto named = std::find_if(matchers.begin(), matchers.end(), [](const Matcher& m) {
        return m.name() == model::kMetricName && m.type() == model::MatchType::kEqual;
      });
      if (named == matchers.end()) {
        reads_any_.push_back(std::move(matchers));
      } else {
        const std::string name = named->value();
        reads_by_name_[name].push_back(std::move(matchers));
      }
    }
  }
}

bool GroupState::Reads(const Labels& labels) const {
  const auto matches = [&labels](const std::vector<Matcher>& matchers) {
    return model::MatchesAll(matchers, labels);
  };
  const auto named = reads_by_name_.find(labels.MetricName());
  if (named != reads_by_name_.end() && std::ranges::any_of(named->second, matches)) return true;
  return std::ranges::any_of(reads_any_, matches);
}

bool GroupState::MayRead(std::string_view metric_name) const {
  if (reads_by_name_.contains(metric_name)) return true;
  return std::ranges::any_of(reads_any_, [metric_name](const std::vector<Matcher>& matchers) {
    return std::ranges::all_of(matchers, [metric_name](const Matcher& m) {
      return m.name() != model::kMetricName || m.Matches(metric_name);
    });
  });
}

Outcome GroupState::Evaluate(Time now, const model::Queryable& storage) {
  Outcome outcome;
  Overlay overlay(storage);
  for (std::size_t i = 0; i < group_.rules.size(); ++i) {
    auto writes = EvaluateRule(i, now, overlay);
    if (!writes) {
      outcome.errors.push_back({i, group_.rules[i].name, writes.error()});
      continue;
    }
    for (Write& write : *writes) {
      overlay.Add(write);
      outcome.writes.push_back(std::move(write));
    }
  }
  return outcome;
}

Result<std::vector<Write>> GroupState::EvaluateRule(std::size_t index, Time now,
                                                    const model::Queryable& storage) {
  const Rule& rule = group_.rules[index];
  RuleState& state = states_[index];
  const Time at = now - group_.query_offset;
  auto vector = ResultVector(promql::Evaluate(*rule.expr, at, storage));
  if (!vector) return std::unexpected(vector.error());
  auto writes = rule.alerting ? UpdateAlerts(rule, at, *vector, state.alerts)
                              : Record(rule, ToUnixMillis(at), *vector);
  if (!writes) return writes;

  std::vector<Labels> series;
  series.reserve(writes->size());
  for (const Write& write : *writes) series.push_back(write.labels);
  std::sort(series.begin(), series.end());
  std::vector<Labels> vanished;
  std::set_difference(state.series.begin(), state.series.end(), series.begin(), series.end(),
                      std::back_inserter(vanished));
  for (Labels& labels : vanished) {
    writes->push_back({std::move(labels), ToUnixMillis(at), model::StaleMarker()});
  }
  state.series = std::move(series);
  return writes;
}

Result<std::vector<Write>> GroupState::Record(const Rule& rule, std::int64_t now_ms,
                                              const model::Vector& vector) const {
  std::vector<Write> writes;
  std::set<Labels> seen;
  for (const model::VectorSample& sample : vector) {
    Labels labels = sample.labels;
    labels.Set(model::kMetricName, rule.name);
    ApplyLabels(rule.labels, labels);
    if (!seen.insert(labels).second) {
      return Fail(Code::kInvalid,
                  "vector contains metrics with the same labelset after applying rule labels");
    }
    writes.push_back({std::move(labels), now_ms, sample.value});
  }
  if (Status within = CheckLimit(group_.limit, writes.size(), "series"); !within) {
    return std::unexpected(within.error());
  }
  return writes;
}

Result<std::vector<Write>> GroupState::UpdateAlerts(const Rule& rule, Time now,
                                                    const model::Vector& vector,
                                                    std::map<Labels, Alert>& alerts) const {
  std::map<Labels, double> holds;
  for (const model::VectorSample& sample : vector) {
    Labels labels = sample.labels;
    labels.Remove(model::kMetricName);
    ApplyLabels(rule.labels, labels);
    labels.Set("alertname", rule.name);
    if (!holds.emplace(std::move(labels), sample.value).second) {
      return Fail(Code::kInvalid,
                  "vector contains metrics with the same labelset after applying alert labels");
    }
  }
  if (Status within = CheckLimit(group_.limit, holds.size(), "alerts"); !within) {
    return std::unexpected(within.error());
  }
  for (const auto& [labels, value] : holds) {
    const auto [entry, added] = alerts.try_emplace(labels);
    Alert& alert = entry->second;
    if (added) alert.active_at = now;
    alert.value = value;
    alert.keep_firing_since.reset();
  }
  for (auto entry = alerts.begin(); entry != alerts.end();) {
    const bool ended = !holds.contains(entry->first) && Ends(rule, entry->second, now);
    entry = ended ? alerts.erase(entry) : std::next(entry);
  }
  std::vector<Write> writes;
  for (auto& [labels, alert] : alerts) {
    if (now - alert.active_at >= rule.hold) alert.state = AlertState::kFiring;
    Labels series = labels;
    series.Set(model::kMetricName, "ALERTS_FOR_STATE");
    const auto since = std::chrono::floor<std::chrono::seconds>(alert.active_at.time_since_epoch());
    Write for_state{series, ToUnixMillis(now), static_cast<double>(since.count())};
    series.Set(model::kMetricName, "ALERTS");
    series.Set("alertstate", alert.state == AlertState::kFiring ? "firing" : "pending");
    writes.push_back({std::move(series), ToUnixMillis(now), 1});
    writes.push_back(std::move(for_state));
  }
  return writes;
}

std::vector<Write> GroupState::Retire(Time now) {
  std::vector<Write> writes;
  for (RuleState& state : states_) {
    for (Labels& labels : state.series) {
      writes.push_back({std::move(labels), ToUnixMillis(now), model::StaleMarker()});
    }
    state = {};
  }
  return writes;
}

}  // namespace weir::rules
