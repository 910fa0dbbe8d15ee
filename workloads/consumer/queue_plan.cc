#include "queue_plan.h"

#include <utility>

namespace weir::consumer {
namespace {

// Glob characters of the queue's name stand for themselves.
std::string EscapeGlob(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view("*?[]\\^-").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

constexpr std::string_view kFinish =
    "local n = redis.call('LREM', KEYS[1], 1, ARGV[1]) "
    "if n == 1 then redis.call('INCR', KEYS[2]) end "
    "return n";

// The newest is moved first, so that the oldest ends at the end from which items are taken.
constexpr std::string_view kRecover =
    "if redis.call('EXISTS', KEYS[2]) == 1 then return -1 end "
    "local n = 0 "
    "while redis.call('LMOVE', KEYS[1], KEYS[3], 'LEFT', 'RIGHT') do n = n + 1 end "
    "return n";

constexpr std::string_view kPutBack =
    "local n = 0 "
    "while redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT') do n = n + 1 end "
    "if KEYS[3] then redis.call('DEL', KEYS[3]) end "
    "return n";

}  // namespace

QueueKeys::QueueKeys(std::string queue_name, std::string_view owner)
    : queue(std::move(queue_name)),
      processing(queue + ":processing:" + std::string(owner)),
      lease(queue + ":lease:" + std::string(owner)),
      done(queue + ":done"),
      processing_pattern(EscapeGlob(queue) + ":processing:*") {}

std::optional<std::string> QueueKeys::OwnerOf(std::string_view processing_key) const {
  const std::string prefix = queue + ":processing:";
  if (!processing_key.starts_with(prefix)) return std::nullopt;
  return std::string(processing_key.substr(prefix.size()));
}

brokers::RedisCommand TakeCommand(const QueueKeys& keys, std::string_view seconds) {
  return {"BLMOVE", keys.queue, keys.processing, "RIGHT", "LEFT", std::string(seconds)};
}

brokers::RedisCommand LeaseCommand(const QueueKeys& keys, Duration lease) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(lease).count();
  return {"SET", keys.lease, "1", "PX", std::to_string(ms)};
}

brokers::RedisCommand FinishCommand(const QueueKeys& keys, const std::string& item) {
  return {"EVAL", std::string(kFinish), "2", keys.processing, keys.done, item};
}

brokers::RedisCommand RecoverCommand(const QueueKeys& dead) {
  return {"EVAL", std::string(kRecover), "3", dead.processing, dead.lease, dead.queue};
}

brokers::RedisCommand PutBackCommand(const QueueKeys& keys) {
  return {"EVAL", std::string(kPutBack), "2", keys.processing, keys.queue};
}

brokers::RedisCommand LeaveCommand(const QueueKeys& keys) {
  return {"EVAL", std::string(kPutBack), "3", keys.processing, keys.queue, keys.lease};
}

}  // namespace weir::consumer
