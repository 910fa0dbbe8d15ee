#include "client/shared_informers.h"

#include <vector>

namespace weir::client {

SharedInformers::SharedInformers(net::Loop& loop, Client& client, env::Random& random)
    : client_(client), random_(random), group_(loop, "caches") {}

Informer& SharedInformers::Get(const ResourceRef& ref) {
  std::shared_ptr<Informer>& slot = kept_[ref];
  if (slot == nullptr) slot = Borrow(ref);
  return *slot;
}

std::shared_ptr<Informer> SharedInformers::Borrow(const ResourceRef& ref) {
  std::weak_ptr<Informer>& slot = informers_[ref];
  if (std::shared_ptr<Informer> known = slot.lock()) return known;
  auto informer = std::make_shared<Informer>(client_, group_, random_, ref);
  slot = informer;
  if (started_) informer->Start();
  return informer;
}

void SharedInformers::Start() {
  started_ = true;
  for (const auto& [ref, slot] : informers_) {
    if (const std::shared_ptr<Informer> informer = slot.lock()) informer->Start();
  }
}

net::Task<bool> SharedInformers::WaitSynced() {
  std::vector<std::shared_ptr<Informer>> all;
  all.reserve(kept_.size());
  for (const auto& [ref, informer] : kept_) all.push_back(informer);
  for (const std::shared_ptr<Informer>& informer : all) {
    if (const bool synced = co_await informer->WaitSynced(); !synced) co_return false;
  }
  co_return true;
}

net::Task<void> SharedInformers::Stop() { return group_.Stop(); }

}  // namespace weir::client
