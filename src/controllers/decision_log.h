// The decisions of each autoscaler: the newest in memory, those that changed the number of replicas
// as objects of kind Decision, a ring for each autoscaler. Nothing is written down while a decision
// is made: its inputs are kept, and a record is made of them when somebody asks, or when it is
// stored, about a second later and one after another, so that recording keeps no scaling waiting.
// What a crash takes is that second.
//
// Owned by HpaController. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "autoscale/record.h"
#include "client/client.h"

namespace weir::controllers {

// A decision that was made and carried out.
struct MadeDecision {
  autoscale::Inputs inputs;
  autoscale::Hops hops;
  bool changed = false;  // the number of replicas
};
using MadeDecisionPtr = std::shared_ptr<const MadeDecision>;

class DecisionLog {
 public:
  struct Options {
    std::size_t kept = 10;       // stored of each autoscaler
    std::size_t waiting = 2048;  // to be stored, of all; beyond that the oldest are let go
    Duration delay = std::chrono::seconds(1);
  };

  // `group` runs what stores; it and the client outlive this.
  DecisionLog(client::Client& client, net::TaskGroup& group, Options options);

  void Start();
  // Stores what waits. Nothing is noted afterwards.
  net::Task<void> Stop();

  // The newest decision of the autoscaler `key` (namespace/name).
  void Note(const std::string& key, MadeDecisionPtr made);
  // The autoscaler is gone; its stored decisions are the garbage collector's.
  void Forget(const std::string& key);

  // What only memory has, as objects: the newest decision of each autoscaler, and those that wait
  // to be stored. Of one namespace where `ns` is not empty, of one name where `name` is not.
  std::vector<Json> InMemory(std::string_view ns, std::string_view name) const;

  struct Counters {
    std::uint64_t stored = 0;
    std::uint64_t failed = 0;  // to be stored
    std::uint64_t let_go = 0;  // too many waited
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Waiting {
    std::string key;
    MadeDecisionPtr made;
  };

  net::Task<void> Run();
  net::Task<void> ReadStored();
  net::Task<void> StoreWaiting();
  net::Task<void> Store(Waiting one);

  client::Client& client_;
  net::TaskGroup& group_;
  Options options_;
  net::Signal news_;
  std::map<std::string, MadeDecisionPtr, std::less<>> newest_;
  std::map<std::string, std::deque<std::string>> stored_;  // names, oldest first
  std::deque<Waiting> waiting_;
  Counters counters_;
};

}  // namespace weir::controllers
