#include "tsdb/index.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "base/check.h"

namespace weir::tsdb {
namespace {

void EraseAll(Postings& postings, const Postings& gone) {
  std::erase_if(postings,
                [&](SeriesRef ref) { return std::binary_search(gone.begin(), gone.end(), ref); });
}

}  // namespace

void LabelIndex::Add(SeriesRef ref, const model::Labels& labels) {
  WEIR_CHECK(all_.empty() || all_.back() < ref);
  all_.push_back(ref);
  labels_.emplace(ref, &labels);
  for (const model::Label& label : labels) names_[label.name][label.value].push_back(ref);
}

void LabelIndex::Remove(const Postings& gone) {
  // Each list that is concerned is gone through once, however many series leave it.
  std::map<std::string, std::set<std::string>> concerned;
  for (const SeriesRef ref : gone) {
    auto labels = labels_.find(ref);
    WEIR_CHECK(labels != labels_.end());
    for (const model::Label& label : *labels->second) concerned[label.name].insert(label.value);
    labels_.erase(labels);
  }
  EraseAll(all_, gone);
  for (const auto& [name, values] : concerned) {
    auto entry = names_.find(name);
    for (const std::string& value : values) {
      auto postings = entry->second.find(value);
      EraseAll(postings->second, gone);
      if (postings->second.empty()) entry->second.erase(postings);
    }
    if (entry->second.empty()) names_.erase(entry);
  }
}

const LabelIndex::Values* LabelIndex::ValuesOf(const std::string& name) const {
  auto it = names_.find(name);
  return it == names_.end() ? nullptr : &it->second;
}

// A guess at how many values must be tried, so that the cheap matchers go first.
std::size_t LabelIndex::Cost(const model::Matcher& matcher) const {
  if (matcher.type() == model::MatchType::kEqual && !matcher.value().empty()) return 0;
  if (!matcher.alternatives().empty()) return matcher.alternatives().size();
  const Values* values = ValuesOf(matcher.name());
  return values == nullptr ? 1 : values->size() + 1;
}

// The series whose value of the matcher's label is there and matches (or, not wanted, does not).
Postings LabelIndex::Matching(const model::Matcher& matcher, bool wanted) const {
  const Values* values = ValuesOf(matcher.name());
  if (values == nullptr) return {};
  Postings found;
  const auto take = [&](const std::string& value) {
    auto it = values->find(value);
    if (it != values->end()) found.insert(found.end(), it->second.begin(), it->second.end());
  };
  if (wanted && matcher.type() == model::MatchType::kEqual) {
    take(matcher.value());
    return found;
  }
  if (wanted && matcher.type() == model::MatchType::kRegex && !matcher.alternatives().empty()) {
    for (const std::string& value : matcher.alternatives()) take(value);
  } else {
    for (const auto& [value, postings] : *values) {
      if (matcher.Matches(value) != wanted) continue;
      found.insert(found.end(), postings.begin(), postings.end());
    }
  }
  // A series has one value of a label, so nothing is in twice.
  std::sort(found.begin(), found.end());
  return found;
}

void LabelIndex::Narrow(const model::Matcher& matcher, Postings& candidates) const {
  // A few series are looked at faster than many values.
  if (candidates.size() <= Cost(matcher)) {
    std::erase_if(candidates, [&](SeriesRef ref) { return !matcher.Matches(*labels_.at(ref)); });
    return;
  }
  Postings narrowed;
  // A matcher that takes the empty value takes series without the label too: those are found by
  // leaving out the ones that have another value.
  if (matcher.Matches(std::string_view())) {
    const Postings others = Matching(matcher, false);
    std::set_difference(candidates.begin(), candidates.end(), others.begin(), others.end(),
                        std::back_inserter(narrowed));
  } else {
    const Postings those = Matching(matcher, true);
    std::set_intersection(candidates.begin(), candidates.end(), those.begin(), those.end(),
                          std::back_inserter(narrowed));
  }
  candidates = std::move(narrowed);
}

Postings LabelIndex::Select(const std::vector<model::Matcher>& matchers) const {
  std::vector<const model::Matcher*> order;
  for (const model::Matcher& matcher : matchers) order.push_back(&matcher);
  std::sort(order.begin(), order.end(), [&](const model::Matcher* a, const model::Matcher* b) {
    const std::size_t cost_a = Cost(*a);
    const std::size_t cost_b = Cost(*b);
    return cost_a != cost_b ? cost_a < cost_b : a < b;
  });
  std::size_t next = 0;
  Postings candidates;
  if (!order.empty() && !order[0]->Matches(std::string_view())) {
    candidates = Matching(*order[next++], true);
  } else {
    candidates = all_;
  }
  for (; next < order.size() && !candidates.empty(); ++next) Narrow(*order[next], candidates);
  return candidates;
}

}  // namespace weir::tsdb
