/** What the server writes down for operators, and how sessions end. Every one may be overridden. */
import type { ParameterRule } from './rules';

const rule = (name: string, value: ParameterRule['value'], page: string, why: string): ParameterRule => ({
  name,
  kind: 'default',
  value,
  why,
  page,
});

const onEc2 =
  (value: string): ParameterRule['value'] =>
  (input) =>
    input.tier === 'ec2' ? value : undefined;

export const OPERATIONS_RULES: readonly ParameterRule[] = [
  {
    ...rule('lc_messages', 'C', 'client', 'messages are read by programs of this project, which know the English ones'),
    kind: 'mandatory',
  },
  rule(
    'log_timezone',
    'UTC',
    'logging',
    'lines of the server, its host and its backups can be laid side by side (CIS 3.1.26)',
  ),
  rule('TimeZone', 'UTC', 'client', 'a recovery target without a zone means the same for everybody'),
  rule(
    'log_line_prefix',
    '%m [%p] %q%u@%d/%a/%h ',
    'logging',
    'says when, which process, who, where from (CIS 3.1.24)',
  ),
  rule('log_checkpoints', 'on', 'logging', 'checkpoints that come too early by WAL volume show here first'),
  rule('log_lock_waits', 'on', 'logging', 'names the process that others wait for, without their statements'),
  rule('log_temp_files', '64MB', 'logging', 'sorts that spilled: work_mem is too small for them'),
  rule('log_autovacuum_min_duration', '30s', 'logging', 'vacuum of a large HNSW index takes long; this tells how long'),
  rule('log_connections', onEc2('on'), 'logging', 'who came in, from where, by which method (CIS 3.1.20)'),
  rule('log_disconnections', onEc2('on'), 'logging', 'how long the session lasted (CIS 3.1.21)'),
  // Changing the collector needs a restart; the local server's log is the file that pg_ctl was given.
  rule(
    'logging_collector',
    onEc2('on'),
    'logging',
    'the log has files of its own, rotated, and loses no line (CIS 3.1.3)',
  ),
  {
    ...rule(
      'log_directory',
      (input) => (input.tier === 'ec2' ? input.host.logDirectory : undefined),
      'logging',
      'outside the data directory (CIS 3.1.27)',
    ),
    kind: 'mandatory',
  },
  rule('log_filename', onEc2('postgresql-%a.log'), 'logging', 'one file for each day of the week: a week is kept'),
  rule('log_truncate_on_rotation', onEc2('on'), 'logging', 'last week’s file of the same day makes room'),
  rule('log_rotation_age', onEc2('1d'), 'logging', 'a new file each day'),
  rule('log_rotation_size', onEc2('0'), 'logging', 'a file begun by size would have the day’s name and overwrite it'),
  { ...rule('log_file_mode', onEc2('0600'), 'logging', 'for the server’s user alone (CIS 3.1.6)'), kind: 'mandatory' },
  rule(
    'track_io_timing',
    'on',
    'statistics',
    'tells reads that waited for the disk from those that did not; costs nanoseconds a block here',
  ),
  rule(
    'compute_query_id',
    'on',
    'statistics',
    'pg_stat_statements needs it, and pg_stat_activity then shows the same id',
  ),
  rule('pg_stat_statements.max', '5000', 'pgstatstatements', 'statements kept apart; the least used are dropped first'),
  rule(
    'pg_stat_statements.track',
    'top',
    'pgstatstatements',
    'what clients send; statements inside functions would count twice',
  ),
  rule(
    'idle_in_transaction_session_timeout',
    '5min',
    'client',
    'a forgotten transaction keeps dead rows alive and blocks CREATE INDEX CONCURRENTLY for ever',
  ),
  rule(
    'client_connection_check_interval',
    '10s',
    'connection',
    'a long search whose client is gone ends, instead of running to its end',
  ),
  rule('tcp_keepalives_idle', '60s', 'connection', 'a client behind a dead network is noticed within two minutes'),
  rule('tcp_keepalives_interval', '15s', 'connection', 'see tcp_keepalives_idle'),
  rule('tcp_keepalives_count', '4', 'connection', 'see tcp_keepalives_idle'),
];
