// SPDX-License-Identifier: MIT
#include "bench/harness/options.h"

#include <charconv>
#include <fstream>
#include <string_view>

#include "impl/os/error.h"

namespace ipc::bench {

const char* const kUsage =
    R"(--list                        what can be measured here, as JSON
--benchmark_list_tests        the names of the series
--benchmark_filter=REGEX      which series: the regex is searched in the bare name, ^...$ works
--messages=N                  messages of a batch (default: as many as take 20 ms)
--batches=K                   batches of a series (default 5)
--capacity=BYTES              asked capacity of the transport (default 65536)
--time_limit=SECONDS          for one batch, then the series has failed (default 10; each message
                              of an _idle_cost takes 2)
--histogram_out=FILE          latency histograms as CSV
--benchmark_format=console|json  --benchmark_out=FILE  --benchmark_out_format=json
--benchmark_context=KEY=VALUE,...  --benchmark_color=...  --benchmark_counters_tabular=...
)";

namespace {

template <class Number>
Number parse_number(std::string_view flag, std::string_view text, Number least, Number most) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() ||
      !(value >= least && value <= most)) {
    throw ValueError(std::string(flag) + "=" + std::string(text) + ": wanted a number from " +
                     std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

// Why a flag of Google Benchmark is refused, empty for those that are not.
std::string_view refusal(std::string_view flag) {
  if (flag == "--benchmark_min_time") {
    return "the work is fixed, not the time, so that all sides do the same: use --messages and "
           "--batches";
  }
  if (flag == "--benchmark_repetitions" || flag == "--benchmark_report_aggregates_only" ||
      flag == "--benchmark_display_aggregates_only") {
    return "the unit of statistics is a fresh process: start the program again (tools/run does)";
  }
  if (flag == "--benchmark_enable_random_interleaving") {
    return "tools/run interleaves whole processes in random balanced blocks";
  }
  if (flag == "--benchmark_perf_counters") return "the work is done in other processes";
  return {};
}

bool benchmark_reads(std::string_view flag) {
  for (const std::string_view known :
       {"--benchmark_format", "--benchmark_out", "--benchmark_out_format", "--benchmark_context",
        "--benchmark_color", "--benchmark_counters_tabular", "--v"}) {
    if (flag == known) return true;
  }
  return false;
}

// Google Benchmark itself takes a wrong format for another, or exits with 1.
void check_benchmark_flag(std::string_view flag, std::string_view value) {
  const auto wanted = [&](const char* what) {
    throw ValueError(std::string(flag) + "=" + std::string(value) + ": wanted " + what);
  };
  if (flag == "--benchmark_format" && value != "console" && value != "json")
    wanted("console or json");
  if (flag == "--benchmark_out_format" && value != "json") wanted("json");
  if (flag == "--benchmark_out" && !std::ofstream(std::string(value), std::ios::app)) {
    wanted("a file that can be written");
  }
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::size_t equals = argument.find('=');
    const std::string_view flag = argument.substr(0, equals);
    const bool has_value = equals != std::string_view::npos;
    const std::string_view value = has_value ? argument.substr(equals + 1) : "";
    const auto number = [&](auto least, auto most) {
      return parse_number(flag, value, least, most);
    };
    if (flag == "--help" || flag == "-h") {
      options.help = true;
    } else if (flag == "--list" && !has_value) {
      options.list = true;
    } else if (flag == "--benchmark_list_tests") {
      options.list_names = value != "false";
    } else if (flag == "--benchmark_filter" && has_value) {
      options.filter = value;
    } else if (flag == "--messages") {
      options.run.messages = number(std::uint64_t{1}, std::uint64_t{1} << 40);
    } else if (flag == "--batches") {
      options.run.batches = number(1, 1'000'000);
    } else if (flag == "--capacity") {
      options.run.capacity_bytes = number(std::size_t{1}, std::size_t{1} << 30);
    } else if (flag == "--time_limit") {
      options.run.time_limit = number(0.001, 86400.0);
    } else if (flag == "--histogram_out" && has_value) {
      options.histogram_out = value;
    } else if (const std::string_view reason = refusal(flag); !reason.empty()) {
      throw ValueError(std::string(flag) + " is refused: " + std::string(reason));
    } else if (benchmark_reads(flag)) {
      check_benchmark_flag(flag, value);
      if (flag == "--benchmark_out") options.out = value;
      options.for_benchmark.emplace_back(argument);
    } else {
      throw ValueError("unknown argument " + std::string(argument) + "; there are\n" + kUsage);
    }
  }
  return options;
}

}  // namespace ipc::bench
