// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"
#include "run.h"

int main(int argc, char** argv) {
  return sightline::cli::run_program("offcpu", argc, argv,
                                     sightline::offcpu::run);
}
