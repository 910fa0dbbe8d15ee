#include "controllers/informers.h"

#include <vector>

namespace weir::controllers {

SharedInformers::SharedInformers(net::Loop& loop, client::Client& client, env::Random& random)
    : client_(client), random_(random), group_(loop, "controllers' caches") {}

client::Informer& SharedInformers::Get(const client::ResourceRef& ref) {
  std::unique_ptr<client::Informer>& slot = informers_[ref];
  if (slot == nullptr) slot = std::make_unique<client::Informer>(client_, group_, random_, ref);
  return *slot;
}

void SharedInformers::Start() {
  for (auto& [ref, informer] : informers_) informer->Start();
}

net::Task<bool> SharedInformers::WaitSynced() {
  std::vector<client::Informer*> all;
  all.reserve(informers_.size());
  for (auto& [ref, informer] : informers_) all.push_back(informer.get());
  for (client::Informer* informer : all) {
    if (const bool synced = co_await informer->WaitSynced(); !synced) co_return false;
  }
  co_return true;
}

net::Task<void> SharedInformers::Stop() { return group_.Stop(); }

}  // namespace weir::controllers
