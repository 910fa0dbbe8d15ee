// Classic histograms: series of one name that the label `le` tells apart, each counting what is at
// most its bound. Internal to promql.
#pragma once

#include <vector>

#include "promql/value.h"

namespace weir::promql {

struct Bucket {
  double upper = 0;
  double count = 0;
};

// A histogram's labels, without its name and `le`, and its buckets in the order they came.
struct Buckets {
  model::Labels labels;
  std::vector<Bucket> buckets;
};

// Elements without an `le` that is a number are left out.
std::vector<Buckets> GroupBuckets(const Elements& elements);

// As histogram_quantile and histogram_fraction: NaN without a bucket for +Inf or without
// observations.
double BucketQuantile(double q, std::vector<Bucket> buckets);
double BucketFraction(double lower, double upper, std::vector<Bucket> buckets);

}  // namespace weir::promql
