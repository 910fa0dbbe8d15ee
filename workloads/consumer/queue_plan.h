// How a queue with owners lives in Redis: its keys and the steps that must not be torn apart, as
// scripts. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "brokers/redis.h"

namespace weir::consumer {

struct QueueKeys {
  QueueKeys(std::string queue, std::string_view owner);

  std::string queue;
  std::string processing;  // of this owner
  std::string lease;
  std::string done;
  std::string processing_pattern;  // matches the lists of all owners

  // The owner whose list this is; nullopt for a key that is none.
  std::optional<std::string> OwnerOf(std::string_view processing_key) const;
};

// Waits at most `seconds` for an item and moves it into the owner's list: the oldest first.
brokers::RedisCommand TakeCommand(const QueueKeys& keys, std::string_view seconds);
// Tells the others that the owner lives for so long.
brokers::RedisCommand LeaseCommand(const QueueKeys& keys, Duration lease);
// Removes a finished item and counts it: 1. An item that is not in the list any more, because
// another consumer took this one for dead, is not counted: 0. Who finishes it then counts it.
brokers::RedisCommand FinishCommand(const QueueKeys& keys, const std::string& item);
// Puts what a dead owner held back to the front; the number of items. -1 where the owner lives.
brokers::RedisCommand RecoverCommand(const QueueKeys& dead);
// The owner, working on nothing, puts back what its list holds: items whose take was answered into
// a connection that broke.
brokers::RedisCommand PutBackCommand(const QueueKeys& keys);
// The owner leaves: what it holds goes back, its lease ends.
brokers::RedisCommand LeaveCommand(const QueueKeys& keys);

}  // namespace weir::consumer
