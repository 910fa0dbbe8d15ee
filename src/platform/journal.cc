// The database: table `meta` (name, value) with `format` and `newest_version`, and table `objects`
// (resource, namespace, name) -> (version, body). A deleted object has no row; the version of its
// deletion is kept in `newest_version`, so that no version is ever given twice.
#include "platform/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "base/check.h"

namespace weir::platform {
namespace {

constexpr std::int64_t kFormat = 1;

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

std::unexpected<Error> DatabaseError(sqlite3* db, const std::string& path) {
  const int code = sqlite3_errcode(db);
  const std::string text = sqlite3_errmsg(db);
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
    return Fail(Code::kInvalid,
                fmt::format("{} is damaged ({}): restore it from a copy, or move it away to begin "
                            "with an empty cluster",
                            path, text));
  }
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
    return Fail(Code::kConflict, fmt::format("{} is in use by another process", path));
  }
  return Fail(Code::kUnavailable, fmt::format("{}: {}", path, text));
}

Status Execute(sqlite3* db, const std::string& path, const char* sql) {
  if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return DatabaseError(db, path);
  return {};
}

Result<Statement> Prepare(sqlite3* db, const std::string& path, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, nullptr) != SQLITE_OK) {
    return DatabaseError(db, path);
  }
  return Statement(statement);
}

void BindText(sqlite3_stmt* statement, int index, std::string_view text) {
  // SQLITE_STATIC: the text outlives the step. An empty view may have no data, which would bind
  // NULL.
  const char* data = text.empty() ? "" : text.data();
  sqlite3_bind_text64(statement, index, data, text.size(), nullptr, SQLITE_UTF8);
}

std::string ColumnText(sqlite3_stmt* statement, int column) {
  const void* bytes = sqlite3_column_blob(statement, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

// The value of a row of `meta`; 0 where there is none.
Result<std::int64_t> ReadMeta(sqlite3* db, const std::string& path, std::string_view name) {
  auto query = Prepare(db, path, "SELECT value FROM meta WHERE name = ?");
  if (!query) return Fail(query.error().code, query.error().message);
  BindText(query->get(), 1, name);
  const int step = sqlite3_step(query->get());
  if (step == SQLITE_DONE) return 0;
  if (step != SQLITE_ROW) return DatabaseError(db, path);
  return sqlite3_column_int64(query->get(), 0);
}

struct PendingAppend {
  kubestore::Record record;
  std::function<void(Status)> done;
};

}  // namespace

struct SqliteJournal::State {
  std::string path;
  std::function<void(std::function<void()>)> post;
  Database db;
  // Used by the writer thread alone once it runs.
  Statement put, erase, newest;

  std::mutex mutex;
  std::condition_variable wake;
  std::vector<PendingAppend> queue;  // guarded by mutex
  bool stopping = false;             // guarded by mutex
  std::thread writer;

  // What the database does not have yet: the newest record of each key. Writer thread only.
  std::map<kubestore::Key, kubestore::Record> unwritten;

  Status Configure();
  Status PrepareWrites();
  Status WriteRecord(const kubestore::Record& record);
  Status WriteTransaction();
  void RunWriter();
};

Status SqliteJournal::State::Configure() {
  // EXCLUSIVE: nobody else may have the file, and WAL then needs no shared memory file.
  const char* set_up =
      "PRAGMA locking_mode = EXCLUSIVE;"
      "PRAGMA journal_mode = WAL;"
      "PRAGMA synchronous = NORMAL;"
      "PRAGMA wal_autocheckpoint = 1000;"
      "PRAGMA journal_size_limit = 16777216;"
      "BEGIN IMMEDIATE;"
      "CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
      "CREATE TABLE IF NOT EXISTS objects(resource TEXT, ns TEXT, name TEXT, version INTEGER,"
      " body TEXT, PRIMARY KEY(resource, ns, name));";
  if (Status status = Execute(db.get(), path, set_up); !status) return status;
  const auto format = ReadMeta(db.get(), path, "format");
  if (!format) return Fail(format.error().code, format.error().message);
  if (*format != 0 && *format != kFormat) {
    return Fail(Code::kInvalid,
                fmt::format("{} has format {}, this program reads format {}: use the program that "
                            "wrote it, or another data folder",
                            path, *format, kFormat));
  }
  const char* finish =
      "INSERT OR IGNORE INTO meta(name, value) VALUES('format', 1), ('newest_version', 0);"
      "COMMIT;";
  return Execute(db.get(), path, finish);
}

Status SqliteJournal::State::PrepareWrites() {
  const auto prepare = [this](Statement& statement, const char* sql) -> Status {
    auto prepared = Prepare(db.get(), path, sql);
    if (!prepared) return Fail(prepared.error().code, prepared.error().message);
    statement = std::move(*prepared);
    return {};
  };
  const char* put_sql =
      "INSERT INTO objects(resource, ns, name, version, body) VALUES(?, ?, ?, ?, ?)"
      " ON CONFLICT DO UPDATE SET version = excluded.version, body = excluded.body";
  if (Status status = prepare(put, put_sql); !status) return status;
  const char* erase_sql = "DELETE FROM objects WHERE resource = ? AND ns = ? AND name = ?";
  if (Status status = prepare(erase, erase_sql); !status) return status;
  return prepare(newest, "UPDATE meta SET value = ? WHERE name = 'newest_version'");
}

Status SqliteJournal::State::WriteRecord(const kubestore::Record& record) {
  sqlite3_stmt* statement = record.body.empty() ? erase.get() : put.get();
  BindText(statement, 1, record.key.resource);
  BindText(statement, 2, record.key.ns);
  BindText(statement, 3, record.key.name);
  if (!record.body.empty()) {
    sqlite3_bind_int64(statement, 4, record.version);
    BindText(statement, 5, record.body);
  }
  const int step = sqlite3_step(statement);
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  if (step != SQLITE_DONE) return DatabaseError(db.get(), path);
  return {};
}

// Writes all of `unwritten` or nothing.
Status SqliteJournal::State::WriteTransaction() {
  if (Status status = Execute(db.get(), path, "BEGIN IMMEDIATE"); !status) return status;
  std::int64_t version = 0;
  Status status;
  for (const auto& [key, record] : unwritten) {
    status = WriteRecord(record);
    if (!status) break;
    version = std::max(version, record.version);
  }
  if (status) {
    sqlite3_bind_int64(newest.get(), 1, version);
    if (sqlite3_step(newest.get()) != SQLITE_DONE) status = DatabaseError(db.get(), path);
    sqlite3_reset(newest.get());
  }
  if (status) status = Execute(db.get(), path, "COMMIT");
  if (status) {
    unwritten.clear();
  } else {
    sqlite3_exec(db.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  return status;
}

// Takes whatever has gathered while the last transaction was committed, so that the number of
// transactions adapts to the load (group commit). Records whose transaction failed (a full disk)
// are written with the next one: the store has shown them to readers already.
void SqliteJournal::State::RunWriter() {
  while (true) {
    std::vector<PendingAppend> batch;
    {
      std::unique_lock lock(mutex);
      wake.wait(lock, [this] { return stopping || !queue.empty(); });
      if (queue.empty()) return;
      batch.swap(queue);
    }
    std::vector<std::function<void(Status)>> waiting;
    for (PendingAppend& append : batch) {
      if (append.done) waiting.push_back(std::move(append.done));
      const kubestore::Key key = append.record.key;
      unwritten.insert_or_assign(key, std::move(append.record));
    }
    const Status status = WriteTransaction();
    if (!status) {
      spdlog::error("journal: {} writes wait for the next transaction: {}", unwritten.size(),
                    status.error().message);
    }
    if (waiting.empty()) continue;
    post([waiting = std::move(waiting), status] {
      for (const auto& done : waiting) done(status);
    });
  }
}

SqliteJournal::SqliteJournal(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->writer = std::thread([state_of_writer = state_.get()] { state_of_writer->RunWriter(); });
}

SqliteJournal::~SqliteJournal() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_one();
  state_->writer.join();
}

Result<std::unique_ptr<SqliteJournal>> SqliteJournal::Open(
    const std::string& path, std::function<void(std::function<void()>)> post) {
  auto state = std::make_unique<State>();
  state->path = path;
  state->post = std::move(post);
  // Secrets are in it. SQLite gives its other file, -wal, the same mode.
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file >= 0) {
    std::ignore = fchmod(file, 0600);
    close(file);
  }
  sqlite3* db = nullptr;
  // NOMUTEX: the writer thread is the only user after Load, which runs before the first Append.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int opened = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  state->db.reset(db);
  if (opened != SQLITE_OK) return DatabaseError(db, path);
  if (Status status = state->Configure(); !status) {
    return Fail(status.error().code, status.error().message);
  }
  if (Status status = state->PrepareWrites(); !status) {
    return Fail(status.error().code, status.error().message);
  }
  return std::unique_ptr<SqliteJournal>(new SqliteJournal(std::move(state)));
}

Result<std::vector<kubestore::Record>> SqliteJournal::Load(std::int64_t* newest_version) {
  sqlite3* db = state_->db.get();
  auto newest = ReadMeta(db, state_->path, "newest_version");
  if (!newest) return Fail(newest.error().code, newest.error().message);
  *newest_version = *newest;
  auto query = Prepare(db, state_->path, "SELECT resource, ns, name, version, body FROM objects");
  if (!query) return Fail(query.error().code, query.error().message);
  std::vector<kubestore::Record> records;
  int step = SQLITE_ROW;
  while ((step = sqlite3_step(query->get())) == SQLITE_ROW) {
    kubestore::Record record;
    record.key.resource = ColumnText(query->get(), 0);
    record.key.ns = ColumnText(query->get(), 1);
    record.key.name = ColumnText(query->get(), 2);
    record.version = sqlite3_column_int64(query->get(), 3);
    record.body = ColumnText(query->get(), 4);
    records.push_back(std::move(record));
  }
  if (step != SQLITE_DONE) return DatabaseError(db, state_->path);
  return records;
}

void SqliteJournal::Append(kubestore::Record record, std::function<void(Status)> done) {
  {
    const std::scoped_lock lock(state_->mutex);
    WEIR_CHECK(!state_->stopping);
    state_->queue.push_back({std::move(record), std::move(done)});
  }
  state_->wake.notify_one();
}

}  // namespace weir::platform
