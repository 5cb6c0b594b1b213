// SPDX-License-Identifier: MIT
// What the questions about pipes share: their cells, and the peers' hold on a pipe.
#pragma once

#include <memory>
#include <vector>

#include "bench/harness/program.h"
#include "bench/harness/senders.h"
#include "impl/pipe/backend.h"

namespace ipc::bench {

std::shared_ptr<AnyPipe> make_pipe_backend(const PipeEntry& entry, const Keys& keys,
                                           const RunOptions& options, bool duplex);

// Size, codec and placement; the owner lets go of both sides when the peers have them.
TeamPlan pipe_plan(const std::shared_ptr<AnyPipe>& pipe, const Keys& keys);

// Opens one side in a peer and drops the other. std::function wants it copyable.
std::shared_ptr<AnyEndpoint> open_side(AnyPipe& pipe, int side);

// One producer and one consumer over a pipe that goes one way.
TeamPlan pipe_stream(const PipeEntry& entry, const Keys& keys, const RunOptions& options,
                     Sender send);

using StartPipe = std::unique_ptr<Team> (*)(const PipeEntry&, const Keys&, const RunOptions&);

// Every registered backend x size x codec x placement.
std::vector<Series> pipe_series(const char* question, Metric metric, StartPipe start);

}  // namespace ipc::bench
