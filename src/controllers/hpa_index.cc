#include "controllers/hpa_index.h"

#include <algorithm>

namespace weir::controllers {
namespace {

using Label = std::pair<std::string, std::string>;

// Labels of which a matching pod has one; empty where the selector demands none.
std::vector<Label> Demanded(const kube::LabelSelector& selector) {
  std::vector<Label> labels;
  for (const kube::Requirement& requirement : selector.requirements()) {
    if (requirement.op != kube::SelectorOp::kEquals && requirement.op != kube::SelectorOp::kIn) {
      continue;
    }
    for (const std::string& value : requirement.values) labels.emplace_back(requirement.key, value);
    break;
  }
  return labels;
}

const Json& LabelsOf(const Json& pod) { return GetObject(pod, {"metadata", "labels"}); }

}  // namespace

void MetricReaders::Set(const std::string& hpa, Reads reads) {
  Remove(hpa);
  for (const MetricRef& metric : reads.metrics) {
    by_metric_[{metric.api, metric.metric}].insert(hpa);
  }
  reads_[hpa] = std::move(reads);
}

void MetricReaders::Remove(const std::string& hpa) {
  const auto old = reads_.find(hpa);
  if (old == reads_.end()) return;
  for (const MetricRef& metric : old->second.metrics) {
    const auto readers = by_metric_.find({metric.api, metric.metric});
    if (readers == by_metric_.end()) continue;  // one metric twice
    readers->second.erase(hpa);
    if (readers->second.empty()) by_metric_.erase(readers);
  }
  reads_.erase(old);
}

bool MetricReaders::ReadsPods(const std::string& hpa) const {
  const auto found = reads_.find(hpa);
  return found != reads_.end() && found->second.pods;
}

std::vector<std::string> MetricReaders::Of(const MetricRef& changed) const {
  std::vector<std::string> concerned;
  const auto readers = by_metric_.find({changed.api, changed.metric});
  if (readers == by_metric_.end()) return concerned;
  for (const std::string& hpa : readers->second) {
    const bool concerns = std::ranges::any_of(
        reads_.at(hpa).metrics, [&](const MetricRef& read) { return Concerns(changed, read); });
    if (concerns) concerned.push_back(hpa);
  }
  return concerned;
}

void PodIndex::Apply(const client::ObjectPtr& before, const client::ObjectPtr& after) {
  const auto [ns, name] = client::SplitKey(client::KeyOf(after ? *after : *before));
  Namespace& space = namespaces_[ns];
  space.version = ++changes_;
  const auto old = space.pods.find(name);
  if (old != space.pods.end()) {
    for (const auto& [key, value] : LabelsOf(*old->second.object).items()) {
      if (!value.is_string()) continue;
      const auto found = space.by_label.find({key, value.get<std::string>()});
      if (found == space.by_label.end()) continue;
      found->second.erase(name);
      if (found->second.empty()) space.by_label.erase(found);
    }
    space.pods.erase(old);
  }
  if (after) {
    for (const auto& [key, value] : LabelsOf(*after).items()) {
      if (value.is_string()) space.by_label[{key, value.get<std::string>()}].insert(name);
    }
    space.pods[name] = {after, nullptr};
  } else if (space.pods.empty()) {
    namespaces_.erase(ns);
  }
}

std::uint64_t PodIndex::Version(std::string_view ns) const {
  const auto space = namespaces_.find(ns);
  return space != namespaces_.end() ? space->second.version : 0;
}

const autoscale::PodPtr& PodIndex::Read(const Entry& entry) {
  if (!entry.read) {
    entry.read = std::make_shared<const autoscale::Pod>(autoscale::PodFromJson(*entry.object));
  }
  return entry.read;
}

std::vector<autoscale::PodPtr> PodIndex::Find(std::string_view ns,
                                              const kube::LabelSelector& selector) const {
  std::vector<autoscale::PodPtr> found;
  const auto space = namespaces_.find(ns);
  if (space == namespaces_.end() || selector.nothing()) return found;
  const auto take = [&](const Entry& entry) {
    if (selector.Matches(LabelsOf(*entry.object))) found.push_back(Read(entry));
  };
  const std::vector<Label> demanded = Demanded(selector);
  if (demanded.empty()) {
    for (const auto& [name, entry] : space->second.pods) take(entry);
    return found;
  }
  for (const Label& label : demanded) {
    const auto names = space->second.by_label.find(label);
    if (names == space->second.by_label.end()) continue;
    for (const std::string& name : names->second) take(space->second.pods.at(name));
  }
  if (demanded.size() > 1) {
    std::ranges::sort(found, {},
                      [](const autoscale::PodPtr& pod) -> const std::string& { return pod->name; });
  }
  return found;
}

void SelectorIndex::Set(const std::string& hpa, const kube::LabelSelector& selector) {
  const auto old = selectors_.find(hpa);
  if (old != selectors_.end() && old->second.ToString() == selector.ToString() &&
      old->second.nothing() == selector.nothing()) {
    return;
  }
  Remove(hpa);
  if (selector.nothing()) return;
  ++version_;
  selectors_[hpa] = selector;
  Namespace& space = namespaces_[client::SplitKey(hpa).first];
  const std::vector<Label> demanded = Demanded(selector);
  for (const Label& label : demanded) space.by_label[label].insert(hpa);
  if (demanded.empty()) space.others.insert(hpa);
}

void SelectorIndex::Remove(const std::string& hpa) {
  const auto old = selectors_.find(hpa);
  if (old == selectors_.end()) return;
  ++version_;
  const auto space = namespaces_.find(client::SplitKey(hpa).first);
  for (const Label& label : Demanded(old->second)) {
    const auto found = space->second.by_label.find(label);
    found->second.erase(hpa);
    if (found->second.empty()) space->second.by_label.erase(found);
  }
  space->second.others.erase(hpa);
  if (space->second.by_label.empty() && space->second.others.empty()) namespaces_.erase(space);
  selectors_.erase(old);
}

const kube::LabelSelector* SelectorIndex::Find(const std::string& hpa) const {
  const auto found = selectors_.find(hpa);
  return found != selectors_.end() ? &found->second : nullptr;
}

std::set<std::string> SelectorIndex::Matching(std::string_view ns, const Json& labels) const {
  std::set<std::string> matching;
  const auto space = namespaces_.find(ns);
  if (space == namespaces_.end()) return matching;
  const auto take = [&](const std::set<std::string>& hpas) {
    for (const std::string& hpa : hpas) {
      if (selectors_.at(hpa).Matches(labels)) matching.insert(hpa);
    }
  };
  for (const auto& [key, value] : labels.items()) {
    if (!value.is_string()) continue;
    const auto found = space->second.by_label.find({key, value.get<std::string>()});
    if (found != space->second.by_label.end()) take(found->second);
  }
  take(space->second.others);
  return matching;
}

void Look(const PodIndex& pods, const SelectorIndex& selectors, const std::string& hpa,
          const std::string& selector, PodsSeen& known) {
  const std::string ns = client::SplitKey(hpa).first;
  const std::uint64_t pods_version = pods.Version(ns);
  if (known.text == selector && known.pods_version == pods_version &&
      known.selectors_version == selectors.version()) {
    return;
  }
  known = PodsSeen();
  known.text = selector;
  known.pods_version = pods_version;
  known.selectors_version = selectors.version();
  const Result<kube::LabelSelector> parsed = kube::LabelSelector::Parse(selector);
  if (!parsed) return;
  known.selector = *parsed;
  if (!parsed->empty()) known.pods = pods.Find(ns, *parsed);
  std::set<std::string> others;
  const Json* labels = nullptr;
  for (const autoscale::PodPtr& pod : known.pods) {
    // Most pods of one target have the same labels.
    if (labels != nullptr && *labels == pod->labels) continue;
    labels = &pod->labels;
    others.merge(selectors.Matching(ns, *labels));
  }
  others.erase(hpa);
  for (const std::string& other : others) {
    known.neighbours.push_back({client::SplitKey(other).second, *selectors.Find(other)});
  }
}

}  // namespace weir::controllers
