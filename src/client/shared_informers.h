// One cache a resource for all who are in the process: each watch event is parsed once and kept
// once. Owned by app, which starts it and stops it after all who listen. Loop thread only.
#pragma once

#include <map>
#include <memory>

#include "client/client.h"
#include "client/informer.h"
#include "env/random.h"
#include "net/loop.h"

namespace weir::client {

class SharedInformers {
 public:
  // `client` and `random` outlive this.
  SharedInformers(net::Loop& loop, Client& client, env::Random& random);
  SharedInformers(const SharedInformers&) = delete;
  SharedInformers& operator=(const SharedInformers&) = delete;

  // The cache of all objects of the resource, made when it is first asked for and kept as long as
  // this. It is filled from Start on, or at once where that was.
  Informer& Get(const ResourceRef& ref);
  // The same for as long as somebody holds it: for resources that may go. Nobody holds one longer
  // than this.
  std::shared_ptr<Informer> Borrow(const ResourceRef& ref);

  void Start();
  // Resumes once every cache that Get has made so far has its first list; false when cancelled.
  net::Task<bool> WaitSynced();
  // The caches stay as they are then.
  net::Task<void> Stop();

 private:
  Client& client_;
  env::Random& random_;
  net::TaskGroup group_;
  std::map<ResourceRef, std::weak_ptr<Informer>> informers_;
  std::map<ResourceRef, std::shared_ptr<Informer>> kept_;
  bool started_ = false;
};

}  // namespace weir::client
