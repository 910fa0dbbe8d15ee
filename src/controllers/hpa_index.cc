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

void PodIndex::Apply(const client::ObjectPtr& before, const client::ObjectPtr& after) {
  const auto [ns, name] = client::SplitKey(client::KeyOf(after ? *after : *before));
  Namespace& space = namespaces_[ns];
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

const PodIndex::PodPtr& PodIndex::Read(const Entry& entry) {
  if (!entry.read) {
    entry.read = std::make_shared<const autoscale::Pod>(autoscale::PodFromJson(*entry.object));
  }
  return entry.read;
}

std::vector<PodIndex::PodPtr> PodIndex::Find(std::string_view ns,
                                             const kube::LabelSelector& selector) const {
  std::vector<PodPtr> found;
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
    std::ranges::sort(found, {}, [](const PodPtr& pod) -> const std::string& { return pod->name; });
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
  selectors_[hpa] = selector;
  Namespace& space = namespaces_[client::SplitKey(hpa).first];
  const std::vector<Label> demanded = Demanded(selector);
  for (const Label& label : demanded) space.by_label[label].insert(hpa);
  if (demanded.empty()) space.others.insert(hpa);
}

void SelectorIndex::Remove(const std::string& hpa) {
  const auto old = selectors_.find(hpa);
  if (old == selectors_.end()) return;
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

}  // namespace weir::controllers
