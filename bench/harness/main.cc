// SPDX-License-Identifier: MIT
// The main function of every benchmark program.
#include "bench/harness/program.h"

int main(int argc, char** argv) { return ipc::bench::program(argc, argv); }
