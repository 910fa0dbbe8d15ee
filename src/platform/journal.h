// The object journal on SQLite: one table keyed by resource, namespace and name; WAL; writes are
// collected by one thread into transactions (group commit), off the loop. Survives SIGKILL at any
// moment; with synchronous=NORMAL a power loss may take the last transactions, never the file.
// What could not be written (a full disk) is reported to `done` and written with what comes next.
// Loop thread only; the writing thread is inside.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kubestore/store.h"

namespace weir::platform {

class SqliteJournal final : public kubestore::Journal {
 public:
  // `post` runs a function on the loop thread (net::Loop::Post); it is called on the writing
  // thread. kInvalid for a damaged file or one of another format version (the message says which
  // and what to do), kConflict where another process has it.
  static Result<std::unique_ptr<SqliteJournal>> Open(
      const std::string& path, std::function<void(std::function<void()>)> post);
  ~SqliteJournal() override;  // writes what is queued

  // Before the first Append.
  Result<std::vector<kubestore::Record>> Load(std::int64_t* newest_version) override;
  void Append(kubestore::Record record, std::function<void(Status)> done) override;

 private:
  struct State;
  explicit SqliteJournal(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::platform
