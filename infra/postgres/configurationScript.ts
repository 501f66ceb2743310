/** The commands that bring changed files to a living host, as lines of a shell script for SSM. Pure. */
import type { HostFile } from './hostFiles';
import { HOST_STATUS_FILE } from './hostPaths';

/** Ends a file in the script; no line of a file may be it. */
const END = 'QBENCH_END_OF_FILE';

/**
 * Writes each file that differs, then lets the setup put all of them into force and waits for it. A host that is still
 * being set up for the first time is waited for too.
 * @returns lines for `aws:runShellScript`, in clear so that a preview shows which of them changes
 * @throws RangeError for a file that could not be carried
 */
export function configurationScript(files: readonly HostFile[]): string[] {
  return [
    '#!/bin/bash',
    'set -euo pipefail',
    'changed=no',
    // cloud-init writes the scripts and the first files; nothing can be done before.
    'timeout 600 cloud-init status --wait >/dev/null 2>&1 || :',
    'take() {',
    '  new=$(mktemp "$(dirname "$1")/.qbench.XXXXXX")',
    '  cat >"$new"',
    '  if cmp --silent "$new" "$1"; then rm -f "$new"; return; fi',
    '  chmod 644 "$new"',
    '  mv -- "$new" "$1"',
    '  changed=yes',
    '}',
    ...files.flatMap(({ path, content }) => {
      const lines = content.replace(/\n$/, '').split('\n');
      if (lines.includes(END)) throw new RangeError(`${path} holds the line ${END}, which ends a file in the script`);
      return [`mkdir -p ${path.replace(/\/[^/]*$/, '')}`, `take ${path} <<'${END}'`, ...lines, END];
    }),
    'if [ "$changed" = yes ]; then systemctl restart qbench-setup.service; else systemctl start qbench-setup.service; fi || {',
    `  cat ${HOST_STATUS_FILE} >&2`,
    '  exit 1',
    '}',
  ];
}
