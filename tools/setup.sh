# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced by the tools that need packages: `setup GROUP...` installs what packages.txt lists for these groups
# and this Debian lacks. It says first what and why. Nothing missing: it does and says nothing. Exit 2 when it cannot.

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Prints "name reason" of each package of the groups that is not installed.
missing_packages() {
  local wanted=" $* " installed='' groups group name reason
  if command -v dpkg-query >/dev/null; then
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
  fi
  while read -r groups name reason; do
    case $groups in '' | '#'*) continue ;; esac
    for group in ${groups//,/ }; do
      if [[ $wanted == *" $group "* ]]; then
        grep -qxF -- "$name" <<<"$installed" || printf '%s %s\n' "$name" "$reason"
        break
      fi
    done
  done <"$tools/packages.txt"
}

# Runs a command as root.
as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# apt-get install of these packages without questions and without what they merely recommend. Debian starts a daemon
# when its package is installed unless /usr/sbin/policy-rc.d forbids it; so it does for this moment.
install_packages() {
  # shellcheck disable=SC2016  # expanded by the inner shell
  as_root env DEBIAN_FRONTEND=noninteractive sh -c '
    policy=/usr/sbin/policy-rc.d
    log=$(mktemp)
    ours=""
    trap "rm -f \"\$log\" \$ours" EXIT
    trap "exit 130" INT TERM HUP
    if [ ! -e "$policy" ]; then
      ours=$policy
      printf "#!/bin/sh\nexit 101\n" >"$policy"
      chmod 755 "$policy"
    fi
    for try in 1 2; do
      if apt-get install -y -q --no-install-recommends "$@" >"$log" 2>&1 </dev/null; then
        exit 0
      fi
      if [ "$try" = 1 ]; then  # unknown or outdated package lists
        echo "reading the package lists (apt-get update) ..." >&2
        apt-get update -q >/dev/null 2>&1 </dev/null || true
      fi
    done
    tail -n 20 "$log" >&2
    exit 1' sh "$@"
}

setup() {
  local missing names name reason status=0
  missing=$(missing_packages "$@")
  [[ -n $missing ]] || return 0
  mapfile -t names < <(cut -d ' ' -f 1 <<<"$missing")
  if ! command -v apt-get >/dev/null; then
    echo "This system has no apt-get. Needed, by the names that Debian 12 gives them:" >&2
    while read -r name reason; do printf '  %-20s %s\n' "$name" "$reason"; done <<<"$missing" >&2
    echo "Install them and add --no-setup." >&2
    exit 2
  fi
  echo "installing ${#names[@]} packages and what they need, which may take minutes:" >&2
  while read -r name reason; do printf '  %-20s %s\n' "$name" "$reason"; done <<<"$missing" >&2
  if [[ $(id -u) != 0 ]] && ! command -v sudo >/dev/null; then
    echo "That needs root, and there is no sudo. As root:" >&2
    echo "  apt-get install --no-install-recommends ${names[*]}" >&2
    exit 2
  fi
  install_packages "${names[@]}" || status=$?
  if ((status > 128)); then exit "$status"; fi # a signal
  if ((status != 0)); then
    echo "apt-get could not install: ${names[*]}" >&2
    exit 2
  fi
}
