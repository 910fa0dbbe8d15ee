#include "platform/journal.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

namespace weir::platform {
namespace {

using kubestore::Key;
using kubestore::Record;

// Stands for the loop: runs what the writing thread posts when the test says so.
class FakeLoop {
 public:
  std::function<void(std::function<void()>)> poster() {
    return [this](std::function<void()> fn) {
      const std::scoped_lock lock(mutex_);
      posted_.push_back(std::move(fn));
      wake_.notify_one();
    };
  }
  void RunUntil(const std::function<bool()>& finished) {
    while (!finished()) {
      std::vector<std::function<void()>> ready;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !posted_.empty(); });
        ready.swap(posted_);
      }
      for (const auto& fn : ready) fn();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::function<void()>> posted_;
};

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/weir-journal-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/objects.db";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<SqliteJournal> MustOpen() {
    auto opened = SqliteJournal::Open(path_, loop_.poster());
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  std::map<Key, Record> MustLoad(SqliteJournal& journal, std::int64_t* newest) {
    auto records = journal.Load(newest);
    EXPECT_TRUE(records) << records.error().message;
    std::map<Key, Record> by_key;
    for (Record& record : *records) by_key[record.key] = record;
    return by_key;
  }
  void RunSql(const char* sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  FakeLoop loop_;
  std::string folder_, path_;
};

TEST_F(JournalTest, KeepsTheNewestRecordOfEachKeyAcrossOpens) {
  const std::string odd = "{\"a\":\"\xc3\xa4 \\u0000\"}";
  {
    auto journal = MustOpen();
    std::int64_t newest = -1;
    EXPECT_TRUE(MustLoad(*journal, &newest).empty());
    EXPECT_EQ(newest, 0);
    int done = 0;
    const auto count = [&](Status status) {
      EXPECT_TRUE(status);
      ++done;
    };
    journal->Append({{"pods", "default", "a"}, 1, "{}"}, count);
    journal->Append({{"pods", "default", "a"}, 2, odd}, count);
    journal->Append({{"nodes", "", "n"}, 3, "{}"}, count);
    journal->Append({{"pods", "default", "b"}, 4, "{}"}, count);
    journal->Append({{"pods", "default", "b"}, 5, ""}, count);
    loop_.RunUntil([&] { return done == 5; });
  }
  auto journal = MustOpen();
  std::int64_t newest = 0;
  const auto records = MustLoad(*journal, &newest);
  EXPECT_EQ(newest, 5);  // the deletion's
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records.at({"pods", "default", "a"}).body, odd);
  EXPECT_EQ(records.at({"pods", "default", "a"}).version, 2);
  EXPECT_EQ(records.at({"nodes", "", "n"}).version, 3);
}

TEST_F(JournalTest, ClosingWritesWhatIsQueued) {
  {
    auto journal = MustOpen();
    for (int i = 1; i <= 500; ++i) {
      journal->Append({{"pods", "default", "p" + std::to_string(i)}, i, "{}"}, nullptr);
    }
  }
  auto journal = MustOpen();
  std::int64_t newest = 0;
  EXPECT_EQ(MustLoad(*journal, &newest).size(), 500U);
  EXPECT_EQ(newest, 500);
}

TEST_F(JournalTest, AnotherFormatIsRefusedWithAdvice) {
  MustOpen().reset();
  RunSql("UPDATE meta SET value = 99 WHERE name = 'format'");
  const auto opened = SqliteJournal::Open(path_, loop_.poster());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kInvalid);
  EXPECT_EQ(opened.error().message,
            path_ +
                " has format 99, this program reads format 1: use the program that wrote it, or "
                "another data folder");
}

TEST_F(JournalTest, ADamagedFileIsRefusedWithAdvice) {
  std::ofstream(path_) << std::string(8192, 'x');
  const auto opened = SqliteJournal::Open(path_, loop_.poster());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kInvalid);
  EXPECT_TRUE(opened.error().message.starts_with(path_ + " is damaged ("))
      << opened.error().message;
  EXPECT_TRUE(opened.error().message.contains("restore it from a copy"));
}

TEST_F(JournalTest, OnlyItsOwnerReadsIt) {
  std::ofstream(path_) << "";  // of an older version, made with the usual mode
  std::filesystem::permissions(path_, std::filesystem::perms(0644));
  auto journal = MustOpen();
  bool done = false;
  journal->Append({{"secrets", "default", "s"}, 1, "{}"}, [&](Status) { done = true; });
  loop_.RunUntil([&] { return done; });
  for (const char* suffix : {"", "-wal"}) {
    const auto mode = std::filesystem::status(path_ + suffix).permissions();
    EXPECT_EQ(mode, std::filesystem::perms(0600)) << suffix;
  }
}

TEST_F(JournalTest, ASecondOpenIsAConflict) {
  auto journal = MustOpen();
  const auto second = SqliteJournal::Open(path_, loop_.poster());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kConflict);
}

TEST_F(JournalTest, AMissingFolderIsUnavailable) {
  const auto opened = SqliteJournal::Open(folder_ + "/none/objects.db", loop_.poster());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kUnavailable);
}

// A failed transaction is reported, and its records are written with the next one.
TEST_F(JournalTest, WhatCouldNotBeWrittenIsWrittenLater) {
  MustOpen().reset();
  // A trigger stands for the fault: bodies of this kind are refused until "heal" was written.
  RunSql(
      "CREATE TRIGGER fault BEFORE INSERT ON objects WHEN NEW.name = 'bad' AND NOT EXISTS"
      " (SELECT 1 FROM objects WHERE name = 'a') BEGIN SELECT RAISE(ABORT, 'no space'); END;");
  {
    auto journal = MustOpen();
    std::string told;
    journal->Append({{"pods", "", "bad"}, 1, "{}"},
                    [&](Status s) { told += s ? "ok " : s.error().message + " "; });
    loop_.RunUntil([&] { return !told.empty(); });
    EXPECT_TRUE(told.contains("no space")) << told;
    told.clear();
    journal->Append({{"pods", "", "a"}, 2, "{}"},
                    [&](Status s) { told += s ? "ok " : s.error().message + " "; });
    loop_.RunUntil([&] { return !told.empty(); });
    EXPECT_EQ(told, "ok ");
  }
  auto journal = MustOpen();
  std::int64_t newest = 0;
  EXPECT_EQ(MustLoad(*journal, &newest).size(), 2U);
  EXPECT_EQ(newest, 2);
}

// The child writes objects and tells the version of each that was confirmed; it is killed in the
// midst of it. Every confirmed write must be there afterwards.
TEST_F(JournalTest, SigkillLosesNoConfirmedWrite) {
  std::array<int, 2> pipe_fds{};
  ASSERT_EQ(pipe(pipe_fds.data()), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto journal = SqliteJournal::Open(path_, [](std::function<void()> fn) { fn(); });
    if (!journal) _exit(1);
    const std::string body = "{\"text\":\"" + std::string(2000, 'x') + "\"}";
    for (std::int64_t version = 1;; ++version) {
      const auto confirm = [fd = pipe_fds[1], version](Status status) {
        if (!status || write(fd, &version, sizeof version) != sizeof version) _exit(1);
      };
      (*journal)->Append({{"pods", "default", std::to_string(version)}, version, body}, confirm);
    }
  }
  close(pipe_fds[1]);
  std::int64_t confirmed = 0;
  while (confirmed < 300) {
    ASSERT_EQ(read(pipe_fds[0], &confirmed, sizeof confirmed),
              static_cast<ssize_t>(sizeof confirmed));
  }
  kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  std::int64_t later = 0;
  while (read(pipe_fds[0], &later, sizeof later) == static_cast<ssize_t>(sizeof later)) {
    confirmed = later;
  }
  close(pipe_fds[0]);

  auto journal = MustOpen();
  std::int64_t newest = 0;
  const auto records = MustLoad(*journal, &newest);
  EXPECT_GE(newest, confirmed);
  for (std::int64_t version = 1; version <= confirmed; ++version) {
    ASSERT_TRUE(records.contains({"pods", "default", std::to_string(version)})) << version;
  }
}

}  // namespace
}  // namespace weir::platform
