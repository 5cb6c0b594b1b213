# SPDX-License-Identifier: MIT
"""What the executables in tools/ share: series names, run folders, statistics, plans, tables, claims and plots."""
