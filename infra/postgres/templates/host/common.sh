# shellcheck shell=bash
# What the steps of qbench-setup share. Sourced, after host.env.
# shellcheck disable=SC2034

QB_STATE_DIR=/var/lib/qbench
QB_CONFIG=/etc/postgresql/$QB_MAJOR/main
QB_CLUSTER=$QB_MOUNT/$QB_MAJOR/main
QB_UNIT=postgresql@$QB_MAJOR-main.service
QB_TLS=/etc/postgresql/tls
export AWS_REGION=$QB_REGION AWS_PAGER='' DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# The journal and the serial console: `aws ec2 get-console-output` shows it where nobody can log in.
log() {
  printf 'qbench: %s\n' "$*"
  printf 'qbench: %s\n' "$*" 2>/dev/null >/dev/console || :
}

# Ends the step; the reason is its last line, which qbench-setup keeps as the host's status.
die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# retry ATTEMPTS COMMAND...: package sources and AWS answer badly now and then, most of all right after boot.
retry() {
  local attempts=$1 try
  shift
  for ((try = 1; try <= attempts; try++)); do
    "$@" && return 0
    ((try == attempts)) || sleep $((try * 5))
  done
  return 1
}

as_postgres() {
  (cd / && runuser -u postgres -- "$@")
}

sql() {
  as_postgres psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 --port "$QB_PORT" --dbname postgres "$@"
}

server_running() {
  as_postgres pg_isready --quiet --port "$QB_PORT"
}

# put FILE MODE OWNER: standard input becomes FILE at once or not at all; a power cut leaves the old one.
put() {
  local file=$1 mode=$2 owner=$3 new
  new=$(mktemp "$(dirname "$file")/.qbench.XXXXXX")
  cat >"$new"
  chown "$owner" "$new"
  chmod "$mode" "$new"
  sync -- "$new"
  mv -- "$new" "$file"
}

# To the size of the data volume, which may have grown since.
grow_filesystem() {
  resize2fs "$(findmnt --noheadings --output SOURCE "$QB_MOUNT")" >/dev/null 2>&1
}

# host_secret: the host's own secret as JSON, on standard output only; asked for once, because the CLI takes seconds to start.
host_secret() {
  retry 5 aws secretsmanager get-secret-value --secret-id "$QB_SECRET_ID" --query SecretString --output text
}

# value_of KEY: of JSON on standard input.
value_of() {
  python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# set_status STATE STEP REASON: the file for programs on the host, the console, and the tag for everybody else.
set_status() {
  mkdir -p "$QB_STATE_DIR"
  local reason
  reason=$(printf '%s' "$3" | tr -c '[:alnum:] ._:/=+@-' ' ' | cut -c1-200)
  printf 'state=%s\nstep=%s\nreason=%s\nat=%s\n' "$1" "$2" "$reason" "$(date -u +%FT%TZ)" | put "$QB_STATE_DIR/status" 644 root:root
  log "$1${2:+ in $2}${reason:+: $reason}"
  printf '%s' "$1${2:+ in $2}${reason:+: $reason}" >/run/qbench-tag
  tell_tag
}

# tell_tag: what is to stand in the tag, unless it was told already. qbench-health calls it too: no failed call leaves an old word there.
tell_tag() {
  [[ -s /run/qbench-tag ]] && ! cmp --silent /run/qbench-tag /run/qbench-told || return 0
  command -v aws >/dev/null && [[ ${QB_INSTANCE_ID:=$(cloud-init query instance_id 2>/dev/null)} == i-* ]] || return 0
  local value
  value=$(</run/qbench-tag)
  if timeout 60 aws ec2 create-tags --resources "$QB_INSTANCE_ID" --tags "Key=$QB_STATUS_TAG,Value=\"$value\"" >/dev/null 2>&1; then
    printf '%s' "$value" >/run/qbench-told
  else
    log "the tag $QB_STATUS_TAG could not be set"
  fi
}
