// The cluster's objects: the newest version of each in memory, a bounded history for watches, and
// a Journal that keeps them across restarts. Objects are immutable once stored and shared with
// readers. Knows nothing of HTTP or of kinds: validation happened before. Owned by the API server,
// loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace weir::kubestore {

// A stored object and its serialised form, made once, at the write, for the journal and for every
// GET, LIST and WATCH that answers with it.
struct Object {
  Json value;
  std::string body;  // what the store's writer makes of the value
};
using ObjectPtr = std::shared_ptr<const Object>;

// Where an object lives: `resource` is the storage name "deployments.apps", "pods".
struct Key {
  std::string resource;
  std::string ns;  // empty: cluster-scoped
  std::string name;
  auto operator<=>(const Key&) const = default;
};

struct Record {
  Key key;
  std::int64_t version = 0;  // resourceVersion of the write
  std::string body;          // JSON; empty: deleted
};

// Keeps records in order. Append may return before the record is durable; `done` is called on the
// loop thread once it is (or could not be made so). platform has the SQLite one.
class Journal {
 public:
  virtual ~Journal() = default;
  // The newest record of each key that is not deleted, and the highest version ever appended.
  virtual Result<std::vector<Record>> Load(std::int64_t* newest_version) = 0;
  virtual void Append(Record record, std::function<void(Status)> done) = 0;
};

// Keeps nothing: for tests and `--kubelet none` comparisons.
class NullJournal final : public Journal {
 public:
  Result<std::vector<Record>> Load(std::int64_t* newest_version) override;
  void Append(Record record, std::function<void(Status)> done) override;
};

enum class EventType { kAdded, kModified, kDeleted };

struct Event {
  EventType type;
  Key key;
  std::int64_t version;
  ObjectPtr object;    // for kDeleted: the last state, with the deletion's resourceVersion
  ObjectPtr previous;  // null for kAdded
};

struct StoreLimits {
  // The watch history over all resources: what comes first ends it. Bytes are those of the bodies;
  // an object takes some two and a half times as much memory.
  std::size_t history_events = 8192;
  std::size_t history_bytes = 32U << 20U;
  // etcd's limit, 1.5 MiB. What JSON adds by escaping does not count.
  std::size_t max_object_bytes = 3U << 19U;
};

class Store {
 public:
  // `write` gives an object's text (DumpJson unless said otherwise).
  using WriteText = std::function<std::string(const Json&)>;
  Store(Journal& journal, StoreLimits limits, WriteText write = {});

  // Reads the journal. Before anything else.
  Status Load();

  // Forgets the events so far: watches begin here. Called when the server has made what it needs.
  void DropHistory();

  // The newest resourceVersion given.
  std::int64_t version() const;

  ObjectPtr Get(const Key& key) const;
  // Objects of a resource, of one namespace where ns is not empty, in key order (namespace, name).
  std::vector<ObjectPtr> List(std::string_view resource, std::string_view ns) const;
  // As List, of the state after the write with that version. kNotFound where the history no longer
  // reaches back that far, or version lies in the future.
  Result<std::vector<ObjectPtr>> ListAt(std::string_view resource, std::string_view ns,
                                        std::int64_t version) const;
  // Resources that hold any object.
  std::vector<std::string> Resources() const;

  // Writes take effect at once for readers and watchers; `done` reports that the journal has them.
  // Each sets metadata.resourceVersion. The returned pointer is the stored object.
  // kInvalid ("etcdserver: request is too large") above the size limit.
  // REQUIRES: metadata is an object.
  // kConflict where the object exists.
  Result<ObjectPtr> Create(const Key& key, Json object, std::function<void(Status)> done);
  // kNotFound; kConflict where expected_version (0: any) is not the stored one. An object equal to
  // the stored one (resourceVersion aside) is not written: `done` is called and the stored one
  // returned.
  Result<ObjectPtr> Update(const Key& key, Json object, std::int64_t expected_version,
                           std::function<void(Status)> done);
  Result<ObjectPtr> Delete(const Key& key, std::int64_t expected_version,
                           std::function<void(Status)> done);

  // The events of a resource after `version`. kNotFound ("410") where the history no longer reaches
  // back that far ("too old resource version: 5 (17)"). The history begins empty after Load.
  Result<std::vector<Event>> EventsSince(std::string_view resource, std::int64_t version) const;
  // Called for every event, in order, within the write. A listener may subscribe, unsubscribe and
  // write: events of such writes follow the one under way. Returns an id for Unsubscribe.
  int Subscribe(std::string resource, std::function<void(const Event&)> listener);
  void Unsubscribe(int id);

 private:
  struct Listener {
    int id;
    std::string resource;
    std::function<void(const Event&)> callback;
    std::int64_t since = 0;  // gets events above this version
    bool active = true;
  };
  using Name = std::pair<std::string, std::string>;  // namespace, name

  // The object with `version` as its resourceVersion, or kInvalid where it is too large.
  Result<ObjectPtr> Seal(Json object, std::int64_t version) const;
  ObjectPtr& Slot(const Key& key);
  void Commit(Event event, std::function<void(Status)> done);
  void Deliver(const Event& event);

  Journal& journal_;
  StoreLimits limits_;
  WriteText write_;
  std::int64_t version_ = 0;
  std::int64_t oldest_history_ = 0;  // events with a version above this one are in history_
  std::map<std::string, std::map<Name, ObjectPtr>, std::less<>> objects_;
  std::deque<Event> history_;
  std::size_t history_bytes_ = 0;
  std::vector<std::shared_ptr<Listener>> listeners_;
  int next_listener_ = 1;
  std::deque<Event> undelivered_;  // events of writes made by listeners
  bool delivering_ = false;
};

}  // namespace weir::kubestore
