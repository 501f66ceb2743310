# One step of a scheduled backup, run as root through SSM Run Command. Before it stand assignments of step, slot,
# stanza and drills, as infra/postgres/hostCommands.ts renders them.
set -euo pipefail

# From / on: the agent's own folder is closed to other users.
cd /
backrest() {
  # pgBackRest refuses to run as root, and its files belong to the server's user.
  runuser -u postgres -- pgbackrest --stanza="$stanza" "$@"
}

case $step in
  backup)
    exec 9>>/run/lock/qbench-backup
    if ! flock --nonblock 9; then
      # An event that came twice: the first command is at it.
      [[ $(cat /run/lock/qbench-backup) == "$slot" ]] || { echo 'another backup is running' >&2; exit 1; }
      echo "slot $slot is being backed up by another command: nothing to do"
      exit 0
    fi
    printf '%s\n' "$slot" >/run/lock/qbench-backup
    # The repository itself remembers which slots were taken: it outlives hosts, Lambdas and lists of commands.
    if backrest info --output=json | grep --quiet --fixed-strings "\"qbench-slot\":\"$slot\""; then
      echo "slot $slot is in the repository: nothing to do"
      exit 0
    fi
    # Expiring is a step of its own, with an end of its own to be told.
    backrest backup --type="${slot%%-*}" --annotation="qbench-slot=$slot" --no-expire-auto
    ;;
  expire)
    backrest expire
    ;;
  verify)
    # It finds damage and still ends with 0.
    found=$(backrest verify --output=text --verbose)
    printf '%s\n' "$found"
    if grep --quiet --perl-regexp 'status: (?!(?:valid|ok)\b)\w|(missing|checksum invalid|size invalid|other): [1-9]' <<<"$found"; then
      echo 'the repository has damaged or missing files' >&2
      exit 1
    fi
    ;;
  report)
    echo "at $(date +%s)"
    # The newest record of a drill that passed, as infra/ops/backup/drill.ts writes it: one line a member.
    passed=$(grep --files-with-matches --no-messages '^  "passed": true' "$drills"/*.json || :)
    [[ -z $passed ]] || echo "proven $(xargs sed -n 's/^  "finishedAt": "\([^"]*\)".*/\1/p' <<<"$passed" | sort | tail -n 1)"
    printf 'info %s\n' "$(backrest info --output=json | gzip --no-name --best | base64 --wrap=0)"
    ;;
  *)
    echo "there is no step $step" >&2
    exit 2
    ;;
esac
