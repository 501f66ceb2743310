/**
 * The shell script behind archive_command and restore_command of the native engine. A shell and gzip are all it needs, so a server keeps
 * archiving whatever happens to the checkout that made it, and a segment costs no start of a larger program.
 */

/** @returns the text quoted for a POSIX shell */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export interface WalScriptInput {
  repositoryDir: string;
  /** File whose presence says that a first backup was begun: older WAL leads nowhere and is not kept. */
  begunFile: string;
}

/** How the script tells PostgreSQL to stop the recovery, instead of taking a missing segment for the end of the archive. */
const ABORT_RECOVERY = 200;

/** `push PATH NAME` for archive_command, `get NAME PATH` for restore_command. */
export function walScript({ repositoryDir, begunFile }: WalScriptInput): string {
  return `#!/bin/sh
# Written by qbench; changes by hand are overwritten.
# push PATH NAME: ends with 0 only when the file is durable in the repository; never replaces one that is there.
# get NAME PATH: ends with 1 where the archive ends, with ${ABORT_RECOVERY} where it cannot be read, which stops the recovery.
set -u
umask 077
repository=${shellQuote(repositoryDir)}
begun=${shellQuote(begunFile)}
wal=$repository/wal

fail() {
  echo "qbench: $2" >&2
  exit "$1"
}

# "sync FILE" is fsync where the system has it; else everything is synced.
durable() {
  sync "$1" 2>/dev/null || sync
}

push() {
  [ -e "$begun" ] || exit 0
  # Also where the repository's disk is not mounted: an empty folder in its place must not take WAL.
  [ -f "$repository/repository.json" ] || fail 1 "the backup repository $repository is not there"
  target=$wal/$2.gz
  if [ -e "$target" ]; then
    gzip -dc "$target" | cmp -s - "$1" && exit 0
    fail 1 "$2 is in the repository already, with another content"
  fi
  part=$wal/.$2.$$
  trap 'rm -f "$part"' EXIT
  gzip -1 -c "$1" >"$part" || fail 1 "$2 could not be written to $wal"
  # The time of its last record, which the recovery window is told by, and not that of a push that came late.
  touch -r "$1" "$part"
  durable "$part"
  # A link fails where the name is taken, so of two that push the same segment one is told.
  ln "$part" "$target" || fail 1 "$2 could not be put in its place in $wal"
  durable "$wal"
}

get() {
  [ -f "$repository/repository.json" ] || fail ${ABORT_RECOVERY} "the backup repository $repository is not there"
  [ -e "$wal/$1.gz" ] || exit 1
  gzip -dc "$wal/$1.gz" >"$2" || fail ${ABORT_RECOVERY} "$1 in the repository is damaged"
}

case \${1:-} in
  push) push "$2" "$3" ;;
  get) get "$2" "$3" ;;
  *) fail 2 "push PATH NAME, or get NAME PATH" ;;
esac
`;
}

/** A word of a command that PostgreSQL hands to the shell; it reads % itself. */
function commandWord(path: string): string {
  return shellQuote(path).replaceAll('%', '%%');
}

export function archiveCommand(script: string): string {
  return `${commandWord(script)} push "%p" "%f"`;
}

export function restoreCommand(script: string): string {
  return `${commandWord(script)} get "%f" "%p"`;
}
