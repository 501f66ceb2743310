/** Parameters that keep what was acknowledged, and that backups rest on. None can be overridden. */
import type { ConfigurationInput, ParameterRule } from './rules';

const archiving = (input: ConfigurationInput): ConfigurationInput['archiving'] => input.archiving;

export const DURABILITY_RULES: readonly ParameterRule[] = [
  {
    name: 'fsync',
    kind: 'mandatory',
    value: 'on',
    why: 'off loses acknowledged rows, or the whole cluster, when the machine stops',
    page: 'wal',
  },
  {
    name: 'full_page_writes',
    kind: 'mandatory',
    value: 'on',
    why: 'off leaves torn pages after a crash, and base backups need it',
    page: 'wal',
  },
  {
    name: 'synchronous_commit',
    kind: 'mandatory',
    value: 'on',
    why: 'off loses acknowledged rows when the machine stops; a bulk load may turn it off in its own session',
    page: 'wal',
  },
  {
    name: 'wal_level',
    kind: 'mandatory',
    value: 'replica',
    why: 'base backups and point-in-time recovery need it; with minimal every backup taken before a bulk load becomes useless',
    page: 'wal',
  },
  {
    name: 'zero_damaged_pages',
    kind: 'mandatory',
    value: 'off',
    why: 'on destroys what is left of a damaged page instead of reporting it',
    page: 'developer',
  },
  {
    name: 'ignore_checksum_failure',
    kind: 'mandatory',
    value: 'off',
    why: 'on serves damaged rows, and copies them into the next backup',
    page: 'developer',
  },
  {
    name: 'autovacuum',
    kind: 'mandatory',
    value: 'on',
    why: 'without it the planner loses its statistics, HNSW graphs fill with dead elements, and transaction ids run out',
    page: 'vacuum',
  },
  {
    name: 'track_counts',
    kind: 'mandatory',
    value: 'on',
    why: 'autovacuum decides by these counts, and monitoring reads them',
    page: 'statistics',
  },
  {
    name: 'archive_mode',
    kind: 'mandatory',
    value: (input) => (archiving(input) === undefined ? 'off' : 'on'),
    why: 'on sends every finished WAL segment to the backup repository; without that there is no point-in-time recovery',
    page: 'wal',
  },
  {
    name: 'archive_command',
    kind: 'mandatory',
    value: (input) => archiving(input)?.command,
    why: 'the backup engine’s own: it syncs, never overwrites, and fails where the segment is not safe yet',
    page: 'wal',
  },
  {
    name: 'archive_timeout',
    kind: 'mandatory',
    value: (input: ConfigurationInput): string | undefined => {
      const seconds = archiving(input)?.timeoutSeconds;
      return seconds === undefined ? undefined : `${seconds}s`;
    },
    why: 'bounds how much a quiet server can lose with its disk (the RPO); an idle one switches no segments',
    page: 'wal',
  },
  {
    name: 'summarize_wal',
    kind: 'mandatory',
    value: (input: ConfigurationInput): string | undefined => {
      const summarize = archiving(input)?.summarizeWal;
      return summarize === undefined ? undefined : summarize ? 'on' : 'off';
    },
    why: 'incremental base backups are made from the summaries; a gap in them forces a full one',
    page: 'wal',
  },
];
