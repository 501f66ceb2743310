/**
 * No embedding and no password reaches the server's log. A 1536-dimension literal is about 20 kB, and @pulumi/postgresql
 * sends CREATE ROLE ... PASSWORD in clear, so no statement text, no bound value and no quoted row may be written.
 *
 * One leak cannot be closed here: an ERROR may quote its input in the message itself (`invalid input syntax for type
 * vector: "[0.1, ..."`, `unterminated quoted string at or near ...`). Only log_min_messages hides that, and set for the
 * whole server it would also hide the errors of autovacuum and the checkpointer. So the file keeps `warning`, and
 * sql/maintenance/session-logging.sql raises it to `log` for every role but the superuser: a client's errors go to the client.
 */
import type { ParameterRule } from './rules';

const REDACTION: readonly (readonly [name: string, value: string, why: string, page?: string])[] = [
  [
    'log_statement',
    'none',
    'ddl would write CREATE ROLE ... PASSWORD as it was sent; the migrations’ ledger keeps what DDL ran',
  ],
  ['log_min_error_statement', 'panic', 'a failed statement would be written whole, with its vectors or its password'],
  [
    'log_min_duration_statement',
    '-1',
    'a slow search would be written whole; pg_stat_statements keeps its shape and times instead',
  ],
  ['log_min_duration_sample', '-1', 'as log_min_duration_statement, for a sample'],
  ['log_transaction_sample_rate', '0', 'writes all statements of the sampled transactions'],
  ['log_duration', 'off', 'a line for every statement hides the lines that matter'],
  ['log_parameter_max_length', '0', 'bound values are embeddings'],
  ['log_parameter_max_length_on_error', '0', 'bound values are embeddings'],
  [
    'log_error_verbosity',
    'terse',
    'DETAIL and CONTEXT quote rows ("Failing row contains ..."), lines of a COPY, and the statement of a crashed process',
  ],
  ['log_min_messages', 'warning', 'the server’s own faults stay visible; a debug level writes statements'],
  ['log_destination', 'stderr', 'csvlog and jsonlog write DETAIL whatever log_error_verbosity says'],
  ['debug_print_parse', 'off', 'writes the constants of every statement (CIS 3.1.16)'],
  ['debug_print_rewritten', 'off', 'writes the constants of every statement (CIS 3.1.17)'],
  ['debug_print_plan', 'off', 'writes the constants of every statement (CIS 3.1.18)'],
  ['session_preload_libraries', '', 'auto_explain would write plans with the vectors in them', 'client'],
  ['local_preload_libraries', '', 'as session_preload_libraries', 'client'],
];

export const LOG_REDACTION_RULES: readonly ParameterRule[] = [
  ...REDACTION.map(([name, value, why, page]): ParameterRule => ({
    name,
    kind: 'mandatory',
    value,
    why,
    page: page ?? 'logging',
  })),
  {
    name: 'pg_stat_statements.track_utility',
    kind: 'mandatory',
    value: 'off',
    why: 'utility statements are kept as they were sent, passwords included; queries are kept without their constants',
    page: 'pgstatstatements',
  },
];
