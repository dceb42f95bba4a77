#!/usr/bin/env bash
# Brings this machine to where twelve333 runs: Debian's packages that are missing, then .venv from requirements.lock.
#   tools/setup.sh run     what `twelve333 demo` needs
#   tools/setup.sh test    also what the tests and the checks need
#   tools/setup.sh bench   also what the benchmarks compare with
# Quick when nothing has changed. Installs packages only as root or through sudo; otherwise it prints the one command to run and ends with 3.
# Starts no service and creates no database: the demo and the tests start their own, on loopback, and stop them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
part=${1:-test} compared=
case $part in run | test) ;; bench) part=test compared=rsync ;; *) echo "tools/setup.sh: “$part” is not a part; give run, test or bench" >&2; exit 2 ;; esac
export PATH="$PATH:/usr/sbin:/sbin"
say() { printf 'setup: %s\n' "$*"; }

missing_packages() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || echo python3
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  command -v nats-server >/dev/null || echo nats-server
  [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
  [ -z "$compared" ] || command -v "$compared" >/dev/null || echo "$compared"
  [ "$part" = run ] || [ -x /usr/lib/postgresql/15/bin/initdb ] || echo postgresql-15
}

# The consultant's page is tested in a real browser, with characters that can be read on a picture of it. Where that cannot be had, one test is skipped.
missing_browser() {
  [ "$part" = test ] || return 0
  command -v chromium >/dev/null || echo chromium
  compgen -G '/usr/lib/*/libatomic.so.1' >/dev/null || echo libatomic1 # of what drives the browser
  [ -d /usr/share/fonts/opentype/noto ] || echo fonts-noto-cjk
}

# What apt starts by itself would stay behind as a stranger on the default port: mask the units while installing, and disable what came new.
without_services() {
  local conf=/etc/postgresql-common/createcluster.conf units=(nats-server.service postgresql.service)
  if [[ " $* " == *" postgresql-15 "* && ! -e $conf ]]; then
    $as_root mkdir -p "${conf%/*}"
    echo 'create_main_cluster = false' | $as_root tee "$conf" >/dev/null
  fi
  if [ -d /run/systemd/system ]; then $as_root systemctl --runtime mask "${units[@]}"; fi
  $as_root env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 RUNLEVEL=1 \
    apt-get install -yq --no-install-recommends -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 "$@" || return
  if [ -d /run/systemd/system ]; then
    $as_root systemctl --runtime unmask "${units[@]}"
    if [[ " $* " == *" nats-server "* ]]; then $as_root systemctl disable nats-server.service; fi
  fi
}

install_packages() {
  local names=("$@") log=build/apt.log as_root=
  local by_hand="apt-get update && apt-get install -y --no-install-recommends ${names[*]}"
  if ! command -v apt-get >/dev/null; then
    say "this is not Debian: install what these Debian packages hold, then run the same command again: ${names[*]}" >&2
    exit 3
  fi
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then as_root=sudo; else
      say "missing: ${names[*]}. This account may not install them; run this once as root, then the same command again:" >&2
      printf '\n  %s\n\n' "$by_hand" >&2
      exit 3
    fi
  fi
  say "installing with apt: ${names[*]} (log: $log)"
  if ! { $as_root apt-get update -q && without_services "${names[@]}"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    say "apt could not install them; see $log, or run as root: $by_hand" >&2
    exit 4
  fi
}

# The lock holds what runs first and what only development needs after its marker line.
locked() { if [ "$1" = run ]; then sed '/^# development$/,$d' requirements.lock; else cat requirements.lock; fi; }

# Changes whenever .venv would have to: interpreter, place of the checkout, dependencies.
fingerprint() { { python3 -V; pwd -P; cat pyproject.toml; locked "$1"; } | sha256sum; }

install_python() {
  local stamp=.venv/setup-done pip=(.venv/bin/python -m pip install --disable-pip-version-check --no-input)
  if [ -x .venv/bin/twelve333 ] && grep -qsxF "$(fingerprint "$part")" "$stamp"; then return; fi
  say "making .venv from requirements.lock (log: build/pip.log)"
  .venv/bin/python -m pip --version >/dev/null 2>&1 || python3 -m venv --clear .venv
  rm -f "$stamp"
  locked "$part" >build/locked.txt
  if ! {
    "${pip[@]}" --require-hashes --only-binary :all: -r build/locked.txt &&
      "${pip[@]}" --no-deps --no-build-isolation --no-index -e .
  } >build/pip.log 2>&1; then
    tail -n 5 build/pip.log >&2
    say "pip could not install requirements.lock; see build/pip.log (is the package index reachable from here?)" >&2
    exit 5
  fi
  fingerprint "$part" >"$stamp"
  # What the tests need includes what the demo needs, so a full set-up answers for both.
  if [ "$part" = test ]; then fingerprint run >>"$stamp"; fi
}

mkdir -p build
exec 9>build/setup.lock
flock 9
before=$SECONDS
mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -gt 0 ]; then install_packages "${missing[@]}"; fi
mapfile -t missing < <(missing_browser)
if [ "${#missing[@]}" -gt 0 ]; then
  (install_packages "${missing[@]}") || say "no browser: the consultant's page will not be tested in one; everything else will" >&2
fi
install_python
if [ $((SECONDS - before)) -gt 1 ]; then say "ready in $((SECONDS - before)) s"; fi
