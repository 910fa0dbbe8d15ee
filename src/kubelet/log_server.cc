#include "kubelet/log_server.h"

#include <algorithm>

#include "net/deadline.h"

namespace weir::kubelet {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{64} << 10U;

std::string ReadRange(const ContainerLog& log, std::int64_t begin, std::int64_t end) {
  std::string bytes;
  while (begin < end) {
    const std::string chunk = log.Read(&begin, static_cast<std::size_t>(end - begin));
    if (chunk.empty()) break;
    bytes += chunk;
  }
  return bytes;
}

// Where the last `lines` lines begin: looks at ever more of the end.
std::int64_t TailOffset(const ContainerLog& log, std::int64_t lines) {
  const std::int64_t end = log.end();
  for (auto size = static_cast<std::int64_t>(kChunkBytes);; size *= 4) {
    const std::int64_t begin = std::max(log.begin(), end - size);
    if (const auto start = TailStart(ReadRange(log, begin, end), lines)) {
      return begin + static_cast<std::int64_t>(*start);
    }
    if (begin == log.begin()) return begin;
  }
}

}  // namespace

net::Task<void> StreamLog(std::shared_ptr<ContainerLog> log, LogOptions options, Time now,
                          net::ResponseWriter& writer) {
  net::HttpResponse head;
  head.headers["content-type"] = "text/plain";
  const Status begun = co_await writer.Begin(std::move(head));
  if (!begun) co_return;
  auto wake = [log] { log->changed().Notify(); };
  writer.OnClose(wake);
  LogRenderer renderer(options, now);
  std::int64_t offset = options.tail_lines ? TailOffset(*log, *options.tail_lines) : log->begin();
  while (!renderer.full() && !writer.closed()) {
    // Closed before the read: then an empty read is the end.
    const bool closed = log->closed();
    const std::string bytes = log->Read(&offset, kChunkBytes);
    if (bytes.empty() && (closed || !options.follow)) break;
    std::string text = renderer.Render(bytes);
    if (!text.empty()) {
      const Status written = co_await writer.Write(std::move(text));
      if (!written) co_return;
    } else if (bytes.empty()) {
      co_await log->changed().Wait();
    }
    if (const bool cancelled = co_await net::IsCancelled(); cancelled) co_return;
  }
  (void)co_await writer.End();
}

}  // namespace weir::kubelet
