// Series in a map: a Queryable for tests, scripts and small tools. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "model/storage.h"

namespace weir::promql {

class MemoryStorage final : public model::Queryable {
 public:
  // Samples of a series come in order of time.
  void Add(const model::Labels& labels, std::int64_t time_ms, double value) {
    series_[labels].push_back({time_ms, value});
  }
  void Clear() { series_.clear(); }
  const std::map<model::Labels, std::vector<model::Sample>>& series() const { return series_; }

  Result<std::vector<model::SeriesData>> Select(const std::vector<model::Matcher>& matchers,
                                                std::int64_t min_ms,
                                                std::int64_t max_ms) const override {
    std::vector<model::SeriesData> result;
    for (const auto& [labels, samples] : series_) {
      if (!model::MatchesAll(matchers, labels)) continue;
      model::SeriesData data{labels, {}};
      std::copy_if(
          samples.begin(), samples.end(), std::back_inserter(data.samples),
          [&](const model::Sample& s) { return s.time_ms >= min_ms && s.time_ms <= max_ms; });
      if (!data.samples.empty()) result.push_back(std::move(data));
    }
    return result;
  }

 private:
  std::map<model::Labels, std::vector<model::Sample>> series_;
};

}  // namespace weir::promql
