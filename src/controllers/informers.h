// One cache a resource, shared by all controllers of the manager. Owned by the manager; loop thread
// only.
#pragma once

#include <map>
#include <memory>

#include "client/client.h"
#include "client/informer.h"
#include "env/random.h"

namespace weir::controllers {

class SharedInformers {
 public:
  SharedInformers(net::Loop& loop, client::Client& client, env::Random& random);
  SharedInformers(const SharedInformers&) = delete;
  SharedInformers& operator=(const SharedInformers&) = delete;

  // The cache of all objects of the resource, made when it is first asked for. Before Start:
  // listeners are added between this and Start.
  client::Informer& Get(const client::ResourceRef& ref);
  void Start();
  // Resumes once every cache has its first list; false when cancelled.
  net::Task<bool> WaitSynced();
  net::Task<void> Stop();

 private:
  client::Client& client_;
  env::Random& random_;
  net::TaskGroup group_;
  std::map<client::ResourceRef, std::unique_ptr<client::Informer>> informers_;
};

}  // namespace weir::controllers
