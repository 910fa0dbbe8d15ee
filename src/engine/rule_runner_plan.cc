#include "engine/rule_runner_plan.h"

#include <algorithm>
#include <unordered_map>

namespace weir::engine {

RuleRunner::RuleRunner(const model::Queryable& storage, AppenderFactory appenders,
                       RunnerOptions options)
    : storage_(storage), appenders_(std::move(appenders)), options_(options) {}

void RuleRunner::SetGroups(const std::string& source, std::vector<rules::Group> groups, Time now) {
  std::map<SlotKey, Slot> kept;
  for (rules::Group& group : groups) {
    const SlotKey key{source, group.name};
    const auto old = slots_.find(key);
    if (old != slots_.end() && old->second.state->group().definition == group.definition) {
      kept.insert(slots_.extract(old));
      continue;
    }
    Slot slot;
    slot.source = source;
    slot.interval = group.interval > Duration(0) ? group.interval : options_.evaluation_interval;
    slot.errors.resize(group.rules.size());
    slot.state = std::make_unique<rules::GroupState>(std::move(group));
    kept.emplace(key, std::move(slot));
  }
  std::vector<rules::Write> ended;
  for (auto slot = slots_.begin(); slot != slots_.end();) {
    if (slot->first.first != source) {
      ++slot;
      continue;
    }
    const Time at = std::max(now, FromUnixMillis(slot->second.last_ms + 1));
    for (rules::Write& write : slot->second.state->Retire(at)) ended.push_back(std::move(write));
    slot = slots_.erase(slot);
  }
  slots_.merge(kept);
  Commit(ended);
}

std::vector<RuleRunner::GroupView> RuleRunner::Groups() const {
  std::vector<GroupView> views;
  for (const auto& [key, slot] : slots_) {
    views.push_back(
        {slot.source, slot.state.get(), slot.interval, FromUnixMillis(slot.last_ms), &slot.errors});
  }
  return views;
}

void RuleRunner::OnCommit(const model::CommitInfo& info, Time now) {
  if (chain_) {
    chain_->commits.push_back(info);  // one of our own: its turn comes in Drain
    return;
  }
  chain_ = std::make_unique<Chain>();
  Absorb(info, now);
  Drain(now);
  Finish();
}

void RuleRunner::RunDue(Time now, Duration monotonic) {
  if (chain_) return;
  chain_ = std::make_unique<Chain>();
  for (auto& [key, slot] : slots_) {
    if (slot.due && *slot.due > monotonic) continue;
    // From the planned time on, so that intervals do not drift; but what was missed is not made up.
    const Duration planned = slot.due.value_or(monotonic) + slot.interval;
    slot.due = planned > monotonic ? planned : monotonic + slot.interval;
    chain_->visited.insert(&slot);
    Evaluate(slot, now);
  }
  Drain(now);
  Finish();
}

std::optional<Duration> RuleRunner::NextDue() const {
  std::optional<Duration> next;
  for (const auto& [key, slot] : slots_) {
    const Duration due = slot.due.value_or(Duration(0));
    if (!next || due < *next) next = due;
  }
  return next;
}

void RuleRunner::Drain(Time now) {
  while (!chain_->commits.empty()) {
    const model::CommitInfo info = std::move(chain_->commits.front());
    chain_->commits.pop_front();
    Absorb(info, now);
  }
}

void RuleRunner::Finish() {
  const Chain chain = std::move(*chain_);
  chain_.reset();
  if (!on_change_ || chain.changed.empty()) return;
  on_change_({chain.changed.begin(), chain.changed.end()}, FromUnixMillis(chain.newest_ms));
}

void RuleRunner::Absorb(const model::CommitInfo& info, Time now) {
  chain_->newest_ms = std::max(chain_->newest_ms, info.time_ms);
  const std::vector<Slot*> readers = Readers(info);
  // A sample from the future must not take the group's time along.
  const Time at = std::min(FromUnixMillis(info.time_ms), now);
  for (Slot* slot : readers) {
    if (!chain_->visited.insert(slot).second) continue;
    ++counters_.commit_evaluations;
    Evaluate(*slot, at);
  }
}

// The groups that read any series of the batch, in order; notes the names that changed on the way.
// A batch holds many series of few names, so what a name means is looked up once.
std::vector<RuleRunner::Slot*> RuleRunner::Readers(const model::CommitInfo& info) {
  std::unordered_map<std::string_view, NameInfo> names;
  std::set<const Slot*> found;
  for (const model::Touched& touched : info.series) {
    const std::string_view name = touched.labels.MetricName();
    const auto [entry, added] = names.try_emplace(name);
    NameInfo& about = entry->second;
    if (added && options_.on_commit) {
      for (auto& [key, slot] : slots_) {
        if (!chain_->visited.contains(&slot) && slot.state->MayRead(name)) {
          about.readers.push_back(&slot);
        }
      }
    }
    if (touched.changed && !about.changed) {
      about.changed = true;
      chain_->changed.emplace(name);
    }
    std::erase_if(about.readers, [&](Slot* slot) {
      if (found.contains(slot)) return true;
      if (!slot->state->Reads(touched.labels)) return false;
      found.insert(slot);
      return true;
    });
  }
  std::vector<Slot*> readers;
  for (auto& [key, slot] : slots_) {
    if (found.contains(&slot)) readers.push_back(&slot);
  }
  return readers;
}

void RuleRunner::Evaluate(Slot& slot, Time at) {
  // A series takes one sample a millisecond, and none in the past.
  const std::int64_t at_ms = std::max(ToUnixMillis(at), slot.last_ms + 1);
  slot.last_ms = at_ms;
  ++counters_.evaluations;
  const rules::Outcome outcome = slot.state->Evaluate(FromUnixMillis(at_ms), storage_);
  NoteErrors(slot, outcome.errors);
  Commit(outcome.writes);
}

void RuleRunner::Commit(const std::vector<rules::Write>& writes) {
  if (writes.empty()) return;
  const std::unique_ptr<model::Appender> appender = appenders_();
  for (const rules::Write& write : writes) {
    if (appender->Append(write.labels, write.time_ms, write.value)) {
      ++counters_.samples;
    } else {
      ++counters_.rejected;
    }
  }
  if (Status committed = appender->Commit(); !committed && on_error_) {
    on_error_("commit", committed.error());
  }
}

void RuleRunner::NoteErrors(Slot& slot, const std::vector<rules::RuleError>& errors) {
  std::vector<std::string> now(slot.errors.size());
  for (const rules::RuleError& error : errors) {
    ++counters_.failures;
    now[error.index] = error.error.message;
    if (slot.errors[error.index] == error.error.message || !on_error_) continue;
    on_error_(slot.source + "/" + slot.state->group().name + ": " + error.rule, error.error);
  }
  slot.errors = std::move(now);
}

}  // namespace weir::engine
