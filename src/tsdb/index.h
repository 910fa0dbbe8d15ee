// From labels to series: for each label name and value the sorted numbers of the series that have
// it. Answers matchers, regular expressions included, without looking at every series. Belongs to a
// Head; same thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/labels.h"

namespace weir::tsdb {

using SeriesRef = std::uint32_t;
using Postings = std::vector<SeriesRef>;  // sorted

class LabelIndex {
 public:
  // `labels` stays where it is until Remove. REQUIRES: `ref` is larger than all before it, so that
  // lists stay sorted by appending.
  void Add(SeriesRef ref, const model::Labels& labels);
  // REQUIRES: all of `gone` (sorted) are in the index.
  void Remove(const Postings& gone);

  // The series that match all matchers. No matchers: all series.
  Postings Select(const std::vector<model::Matcher>& matchers) const;

 private:
  using Values = std::map<std::string, Postings, std::less<>>;

  const Values* ValuesOf(const std::string& name) const;
  std::size_t Cost(const model::Matcher& matcher) const;
  Postings Matching(const model::Matcher& matcher, bool wanted) const;
  void Narrow(const model::Matcher& matcher, Postings& candidates) const;

  std::map<std::string, Values, std::less<>> names_;
  Postings all_;
  std::unordered_map<SeriesRef, const model::Labels*> labels_;
};

}  // namespace weir::tsdb
