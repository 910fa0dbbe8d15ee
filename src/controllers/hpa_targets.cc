#include "controllers/hpa_targets.h"

#include <utility>

namespace weir::controllers {

HpaTargets::HpaTargets(client::SharedInformers& informers, ChangedFn changed, DiffersFn differs)
    : informers_(informers), changed_(std::move(changed)), differs_(std::move(differs)) {}

HpaTargets::~HpaTargets() = default;

void HpaTargets::Follow(const std::string& hpa, const client::ResourceRef& resource,
                        const std::string& target) {
  const Place place{resource, target};
  const auto old = places_.find(hpa);
  if (old != places_.end() && old->second == place) return;
  Forget(hpa);
  places_[hpa] = place;
  Watched& watched = watched_[resource];
  watched.followers[target].insert(hpa);
  if (watched.informer) return;
  watched.informer = informers_.Borrow(resource);
  watched.listening = watched.informer->AddListener(
      [this, resource](const client::ObjectPtr& before, const client::ObjectPtr& after) {
        OnChange(resource, before, after);
      });
}

void HpaTargets::Forget(const std::string& hpa) {
  const auto place = places_.find(hpa);
  if (place == places_.end()) return;
  const auto watched = watched_.find(place->second.resource);
  const auto followers = watched->second.followers.find(place->second.target);
  followers->second.erase(hpa);
  if (followers->second.empty()) watched->second.followers.erase(followers);
  if (watched->second.followers.empty()) watched_.erase(watched);
  places_.erase(place);
}

client::ObjectPtr HpaTargets::Find(const client::ResourceRef& resource,
                                   const std::string& target) const {
  const auto watched = watched_.find(resource);
  return watched != watched_.end() ? watched->second.informer->Get(target) : nullptr;
}

void HpaTargets::OnChange(const client::ResourceRef& resource, const client::ObjectPtr& before,
                          const client::ObjectPtr& after) {
  const auto watched = watched_.find(resource);
  if (watched == watched_.end()) return;
  const auto followers = watched->second.followers.find(client::KeyOf(after ? *after : *before));
  if (followers == watched->second.followers.end()) return;
  if (before && after && !differs_(*before, *after)) return;
  for (const std::string& hpa : followers->second) changed_(hpa);
}

}  // namespace weir::controllers
