# One look at the database for the monitor, run as root through SSM Run Command. Before it stand assignments of port, socket,
# database, role, mount, searches, budget and comparisons, as infra/postgres/hostCommands.ts renders them. It ends with 0 also where the
# server does not answer: that is an answer.
set -uo pipefail

cd /
packed() {
  gzip --no-name --best | base64 --wrap=0
}

# query SECONDS STATEMENT: as the monitor role by peer authentication on the socket. No password, and one of the reserved connections.
query() {
  PGCONNECT_TIMEOUT=5 PGAPPNAME=qbench-monitor PGOPTIONS="-c statement_timeout=${1}s -c lock_timeout=1s" \
    timeout "$(($1 + 10))" runuser -u postgres -- \
    psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 \
    --host "$socket" --port "$port" --username "$role" --dbname "$database" --command "$2" 2>"$errors"
}

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

echo "at $(date +%s.%N)"
echo "boot $(awk '{print int($1)}' /proc/uptime)"
df --output=size,used --block-size=1 "$mount" 2>/dev/null | awk 'NR == 2 {print "disk " $1 " " $2}'
awk '/^MemTotal:/ {total = $2} /^MemAvailable:/ {free = $2} END {print "memory " total * 1024 " " free * 1024}' /proc/meminfo

if answer=$(query 20 'SELECT qbench.snapshot()'); then
  echo "snapshot $(packed <<<"$answer")"
  if answer=$(query 60 "SELECT qbench.probe($searches, $comparisons, $budget)"); then
    echo "probe $(packed <<<"$answer")"
  else
    echo "probe-error $(packed <"$errors")"
  fi
else
  echo "snapshot-error $(packed <"$errors")"
fi
