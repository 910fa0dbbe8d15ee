// Where entropy comes from. The live source is platform's; SeededRandom repeats itself for tests
// and is the same on every machine and standard library.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace weir::env {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t Next() = 0;

  // Uniform in [0, bound); bound > 0.
  std::uint64_t Below(std::uint64_t bound);
  // Uniform in [0, 1).
  double Fraction();
  // `length` characters of Kubernetes' name suffix alphabet (bcdfghjklmnpqrstvwxz2456789).
  std::string NameSuffix(int length);
  // A version 4 UUID in lower case, as metadata.uid has it.
  std::string Uuid();
};

// SplitMix64. Not for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() override;

 private:
  std::uint64_t state_;
};

}  // namespace weir::env
