// A list-watch cache: the newest known state of one resource, kept by LIST then WATCH, with
// back-off (100 ms doubling to 10 s, jittered) on failure and a new LIST on 410. What is kept lacks
// metadata.managedFields, half of many an object: only the API server reads them, and an update
// without them leaves those that are stored. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "env/random.h"

namespace weir::client {

// "namespace/name", or "name" for cluster-scoped objects.
std::string KeyOf(const Json& object);
// {namespace, name} of a key.
std::pair<std::string, std::string> SplitKey(std::string_view key);

using ObjectPtr = std::shared_ptr<const Json>;

class Informer {
  struct State;

 public:
  // `group` runs the list-watch task from Start on; both outlive the informer.
  Informer(Client& client, net::TaskGroup& group, env::Random& random, ResourceRef ref,
           std::string ns = {}, ListOptions options = {});
  ~Informer();
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  // before and after of one object: {null, new} added, {old, new} changed, {old, null} deleted.
  using Listener = std::function<void(const ObjectPtr& before, const ObjectPtr& after)>;

  // A listener's place: it is called until this goes, which it may within a call and after the
  // Informer itself.
  class [[nodiscard]] Registration {
   public:
    Registration() = default;
    ~Registration();
    Registration(Registration&& other) noexcept = default;
    Registration& operator=(Registration&& other) noexcept;

   private:
    friend class Informer;
    void End();
    std::weak_ptr<State> state_;
    std::shared_ptr<Listener> listener_;
  };

  // Calls the listener on each change, listeners and changes each in the order in which they came.
  // Of the objects that are there already it is told at once, within this call, as added.
  Registration AddListener(Listener listener);
  void Start();

  bool synced() const;
  // Resumes after the first LIST has been delivered; false when cancelled.
  net::Task<bool> WaitSynced();

  // The object under the key, or null.
  ObjectPtr Get(std::string_view key) const;
  ObjectPtr Get(std::string_view ns, std::string_view name) const;
  // All of a namespace (all where ns is empty), in key order.
  std::vector<ObjectPtr> List(std::string_view ns = {}) const;
  // Those of a namespace that the owner with this uid controls (that nobody controls where it is
  // empty), in key order; costs nothing for the others.
  std::vector<ObjectPtr> ListControlled(std::string_view ns, std::string_view uid) const;
  // Those that the owner controls or may take in, since nobody does, in key order.
  std::vector<ObjectPtr> ListClaimable(std::string_view ns, std::string_view uid) const;
  const std::map<std::string, ObjectPtr, std::less<>>& objects() const;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace weir::client
