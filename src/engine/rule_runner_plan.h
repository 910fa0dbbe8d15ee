// Which rule groups are evaluated when, and at what time: the decisions of the engine, without its
// loop. Evaluations read from a Queryable and write through Appenders, both given. One thread at a
// time; calls may come from inside an Appender's Commit.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "model/storage.h"
#include "rules/group_state.h"

namespace weir::engine {

struct RunnerOptions {
  // Of groups that name no interval (Prometheus' global evaluation_interval).
  Duration evaluation_interval = std::chrono::seconds(30);
  // Whether a commit evaluates the groups that read what it touched. Without, as in Prometheus,
  // timers alone do.
  bool on_commit = true;
};

class RuleRunner {
 public:
  using AppenderFactory = std::function<std::unique_ptr<model::Appender>()>;
  // `rule` is `source/group: rule`; an error is told once until it changes.
  using ErrorListener = std::function<void(const std::string& rule, const Error& error)>;
  using ChangeListener = std::function<void(const std::vector<std::string>& series, Time at)>;

  RuleRunner(const model::Queryable& storage, AppenderFactory appenders, RunnerOptions options);

  void SetErrorListener(ErrorListener listener) { on_error_ = std::move(listener); }
  // Called once at the end of each OnCommit and RunDue, with the names of the series whose value
  // changed, those that rules wrote included, and the time of the newest.
  void SetChangeListener(ChangeListener listener) { on_change_ = std::move(listener); }

  // Replaces a source's groups; a group that is as it was keeps its state. Series of groups that
  // are gone end at `now`. New groups are due at once.
  void SetGroups(const std::string& source, std::vector<rules::Group> groups, Time now);

  // Evaluates, at the batch's time, the groups that read a touched series, then those that read
  // what these wrote, each group at most once. The runner's own commits come back through here too.
  void OnCommit(const model::CommitInfo& info, Time now);

  // Evaluates the groups whose interval has passed. `monotonic` is any clock that never goes back.
  void RunDue(Time now, Duration monotonic);
  // When RunDue has something to do; nullopt without groups.
  std::optional<Duration> NextDue() const;

  struct Counters {
    std::uint64_t evaluations = 0;         // of groups
    std::uint64_t commit_evaluations = 0;  // of these, those that a commit caused
    std::uint64_t failures = 0;            // of rules
    std::uint64_t samples = 0;             // written
    std::uint64_t rejected = 0;            // samples that the storage refused
  };
  const Counters& counters() const { return counters_; }

  // What Prometheus' /api/v1/rules shows of a group.
  struct GroupView {
    std::string source;
    const rules::GroupState* state = nullptr;
    Duration interval{0};
    Time last_evaluation;
    const std::vector<std::string>* errors = nullptr;  // of each rule; empty: none
  };
  std::vector<GroupView> Groups() const;

 private:
  struct Slot {
    std::string source;
    std::unique_ptr<rules::GroupState> state;
    Duration interval{0};
    std::optional<Duration> due;  // nullopt: at once
    std::int64_t last_ms = 0;
    std::vector<std::string> errors;
  };
  using SlotKey = std::pair<std::string, std::string>;  // source, group

  // What a metric name means to the batch at hand.
  struct NameInfo {
    std::vector<Slot*> readers;  // may read series of this name
    bool changed = false;
  };

  // One evaluation chain: what has been evaluated, what rules committed meanwhile, what changed.
  struct Chain {
    std::set<const Slot*> visited;
    std::deque<model::CommitInfo> commits;
    std::set<std::string> changed;
    std::int64_t newest_ms = 0;
  };

  void Absorb(const model::CommitInfo& info, Time now);
  void Drain(Time now);
  void Finish();
  std::vector<Slot*> Readers(const model::CommitInfo& info);
  void Evaluate(Slot& slot, Time at);
  void Commit(const std::vector<rules::Write>& writes);
  void NoteErrors(Slot& slot, const std::vector<rules::RuleError>& errors);

  const model::Queryable& storage_;
  AppenderFactory appenders_;
  RunnerOptions options_;
  ErrorListener on_error_;
  ChangeListener on_change_;
  std::map<SlotKey, Slot> slots_;
  std::unique_ptr<Chain> chain_;  // set while evaluations are under way
  Counters counters_;
};

}  // namespace weir::engine
