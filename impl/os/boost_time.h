// SPDX-License-Identifier: MIT
// Deadlines for Boost.Interprocess, which keeps its time on the wall clock.
#pragma once

#include <boost/date_time/posix_time/posix_time_types.hpp>

#include "impl/os/deadline.h"

namespace ipc {

// The deadline as the wall clock stands now. That may be set while one waits: look at the deadline
// again afterwards. REQUIRES: !deadline.is_never().
inline boost::posix_time::ptime wall_clock(Deadline deadline) {
  const timespec left = deadline.remaining();
  return boost::posix_time::microsec_clock::universal_time() +
         boost::posix_time::seconds(left.tv_sec) +
         boost::posix_time::microseconds(left.tv_nsec / 1000 + 1);
}

}  // namespace ipc
