// A container's log as bytes: the form in which it is kept, and what a request selects of it. Pure.
//
// Kept is one entry a line, as the Container Runtime Interface has it:
//
//   2026-01-01T00:00:15.123456789Z stdout F the text of the line
//
// F ends a line; P is a piece of one that goes on in the next entry (lines longer than 16 KiB, and
// the last one of a program that ended without a line feed). stdout and stderr of a container are
// one pipe, so that their order is kept, and are both written as stdout.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"

namespace weir::kubelet {

inline constexpr std::size_t kMaxLogLineBytes = std::size_t{16} << 10U;

// Turns a program's output, in any pieces, into entries.
class LogFormatter {
 public:
  // The entries of all lines that `chunk` completes.
  std::string Feed(std::string_view chunk, Time now);
  // The entry of what is left at the end of the output.
  std::string Finish(Time now);

 private:
  std::string rest_;
};

// PodLogOptions.
struct LogOptions {
  std::string container;
  bool follow = false;
  bool previous = false;
  bool timestamps = false;
  std::optional<std::int64_t> tail_lines;
  std::optional<std::int64_t> limit_bytes;
  std::optional<std::int64_t> since_seconds;
  std::optional<Time> since_time;
};

// Reads the query of a log request. The error is a metav1.Status in upstream's words: 400 for a
// value that is no number or time, 422 for one that is out of range.
std::expected<LogOptions, Json> ParseLogOptions(
    const std::string& pod_name, const std::vector<std::pair<std::string, std::string>>& query);

// Fills in the container where the pod has but one, and checks that it has the one asked for; the
// error is a 400 in upstream's words.
std::optional<Json> ChooseContainer(const Json& pod, LogOptions& options);

// What a client gets of a log: entries, in any pieces, to plain text.
class LogRenderer {
 public:
  LogRenderer(const LogOptions& options, Time now);
  std::string Render(std::string_view bytes);
  // limitBytes has been reached: nothing comes any more.
  bool full() const { return left_ == 0; }

 private:
  std::string RenderEntry(std::string_view entry);

  bool timestamps_;
  std::string since_;  // entries with an earlier timestamp are left out; empty: none
  std::int64_t left_;  // bytes, or -1 without a limit
  std::string rest_;
};

// Where the last `lines` entries begin in `bytes`, which end the log; nullopt where they begin
// before.
std::optional<std::size_t> TailStart(std::string_view bytes, std::int64_t lines);

// RFC 3339 with nine digits of fraction, so that texts compare as times do.
std::string LogTime(Time time);

}  // namespace weir::kubelet
