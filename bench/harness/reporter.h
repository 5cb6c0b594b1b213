// SPDX-License-Identifier: MIT
// Google Benchmark's reporters with our rows: the bare series name instead of
// `.../iterations:5/manual_time`, wall time and CPU time per message instead of per batch and of
// this process only.
#pragma once

#include <benchmark/benchmark.h>

#include <iostream>
#include <streambuf>
#include <vector>

namespace ipc::bench {

// REQUIRES: the run has the counters `messages` (of a batch) and `cpu_ns_per_message`, unless it
// failed.
inline void as_row_per_message(benchmark::BenchmarkReporter::Run& run) {
  const std::string name = run.run_name.function_name;
  run.run_name = {};
  run.run_name.function_name = name;
  if (run.error_occurred) return;
  const auto iterations = static_cast<double>(run.iterations);
  run.real_accumulated_time /= run.counters.at("messages").value;
  run.cpu_accumulated_time = run.counters.at("cpu_ns_per_message").value * 1e-9 * iterations;
}

template <class Base>
class PerMessage : public Base {
 public:
  void ReportRuns(const std::vector<benchmark::BenchmarkReporter::Run>& runs) override {
    std::vector<benchmark::BenchmarkReporter::Run> rows = runs;
    for (auto& row : rows) as_row_per_message(row);
    Base::ReportRuns(rows);
  }
};

class Console : public PerMessage<benchmark::ConsoleReporter> {
 public:
  Console() { output_options_ = OO_None; }
  // Says nothing about how Debian built its library: our own build type is in the context.
  bool ReportContext(const Context& context) override {
    struct : std::streambuf {
      int overflow(int c) override { return c; }
    } nothing;
    std::ostream nowhere(&nothing);
    SetErrorStream(&nowhere);
    const bool go_on = ConsoleReporter::ReportContext(context);
    SetErrorStream(&std::cerr);
    return go_on;
  }
};

using Json = PerMessage<benchmark::JSONReporter>;

}  // namespace ipc::bench
