/** Who gets in, how, and what code the server runs. */
import type { ConfigurationInput, HostInput, ParameterRule } from './rules';

const host = (input: ConfigurationInput): HostInput | undefined => (input.tier === 'ec2' ? input.host : undefined);

/** A line of a host of its own; on `local` the machine decides when it writes the file. */
const onHost =
  (read: (host: HostInput) => string) =>
  (input: ConfigurationInput): string | undefined => {
    const found = host(input);
    return found === undefined ? undefined : read(found);
  };

const mandatory = (name: string, value: ParameterRule['value'], page: string, why: string): ParameterRule => ({
  name,
  kind: 'mandatory',
  value,
  why,
  page,
});

export const SECURITY_RULES: readonly ParameterRule[] = [
  mandatory(
    'password_encryption',
    'scram-sha-256',
    'connection',
    'pg_hba.conf lets in by SCRAM alone; an md5 hash is as good as the password to whoever reads it',
  ),
  mandatory(
    'row_security',
    'on',
    'client',
    'off lets a query fail, or a dump silently miss rows, where a policy is in force',
  ),
  mandatory('lo_compat_privileges', 'off', 'compatible', 'on lets everybody read every large object'),
  mandatory('allow_system_table_mods', 'off', 'developer', 'on lets a slip of the superuser destroy the catalog'),
  mandatory(
    'allow_alter_system',
    'off',
    'compatible',
    'ALTER SYSTEM would quietly win over this file; what the server runs with is what the program says',
  ),
  mandatory(
    'shared_preload_libraries',
    'pg_stat_statements',
    'client',
    'slow queries are found there; auto_explain and others that write statements into the log stay out',
  ),
  mandatory(
    'ssl',
    (input) => (input.tier === 'ec2' ? 'on' : 'off'),
    'connection',
    'passwords and rows cross a network only encrypted; on local there is no network, and the fetched build has no TLS',
  ),
  mandatory(
    'ssl_cert_file',
    onHost((at) => at.tlsCertFile),
    'connection',
    'what clients verify the server by',
  ),
  mandatory(
    'ssl_key_file',
    onHost((at) => at.tlsKeyFile),
    'connection',
    'readable by the server’s user alone',
  ),
  mandatory(
    'ssl_min_protocol_version',
    onHost(() => 'TLSv1.2'),
    'connection',
    'older protocols are broken (CIS 6.8)',
  ),
  mandatory(
    'ssl_ciphers',
    onHost(() => 'HIGH:!aNULL:!eNULL:!3DES:!RC4:!MD5:!kRSA'),
    'connection',
    'ciphers of TLS 1.2 with forward secrecy only: a key that leaks later opens no recorded session',
  ),
  mandatory(
    'listen_addresses',
    onHost((at) => at.listenAddresses.join(',')),
    'connection',
    'named interfaces only, never * (CIS 5.2)',
  ),
  mandatory(
    'port',
    onHost((at) => String(at.port)),
    'connection',
    'the security groups and the stack’s outputs name it',
  ),
  mandatory(
    'unix_socket_directories',
    onHost((at) => at.socketDirectory),
    'connection',
    'operations on the host log in here by peer',
  ),
  mandatory(
    'data_directory',
    onHost((at) => at.dataDirectory),
    'file-locations',
    'the data volume',
  ),
  mandatory(
    'hba_file',
    onHost((at) => `${at.configDirectory}/pg_hba.conf`),
    'file-locations',
    'written by this program beside this file',
  ),
  mandatory(
    'ident_file',
    onHost((at) => `${at.configDirectory}/pg_ident.conf`),
    'file-locations',
    'written by this program beside this file',
  ),
  {
    name: 'authentication_timeout',
    kind: 'default',
    value: '30s',
    why: 'a client that never logs in holds a connection slot no longer than this (CIS 5.7)',
    page: 'connection',
  },
];
