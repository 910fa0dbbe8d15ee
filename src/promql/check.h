// Types of a parsed tree. Internal to promql.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "promql/ast.h"

namespace weir::promql {

struct CheckError {
  std::size_t start = 0;
  std::string message;
};

// Sets the type of every node and tells the first rule that the tree breaks (checkAST).
std::optional<CheckError> CheckTypes(Expr& expr);

}  // namespace weir::promql
