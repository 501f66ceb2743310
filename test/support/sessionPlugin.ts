/**
 * A stand-in of AWS's session-manager-plugin for the sessions that the stand-in of SSM gives: called the same way, it says the
 * same lines and leads to where the session's address points. It does not speak the real protocol.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeExecutable } from '../../scripts/toolchain/plugins';

const PROGRAM = `
import { createServer, connect } from 'node:net';
const [variable, region, operation, profile, request, endpoint] = process.argv.slice(1);
if (variable === '--version') {
  console.log(process.env.TEST_PLUGIN_VERSION ?? '1.2.677.0');
  process.exit(0);
}
const { SessionId, StreamUrl, TokenValue } = JSON.parse(process.env[variable]);
if (operation !== 'StartSession' || region === '' || profile !== '' || !endpoint.startsWith('https://ssm.') || !TokenValue)
  throw new Error('called otherwise than the AWS CLI calls it');
const { Target } = JSON.parse(request);
console.log('\\nStarting session with SessionId: ' + SessionId);
const url = new URL(StreamUrl);
if (url.protocol === 'shell:') console.log('a shell on ' + Target);
else {
  const server = createServer((client) => {
    const host = connect(Number(url.port), url.hostname);
    client.pipe(host).pipe(client);
    for (const [one, other] of [[client, host], [host, client]]) one.on('error', () => other.destroy()).on('close', () => other.destroy());
  });
  server.listen(0, '127.0.0.1', () => {
    console.log('Port ' + server.address().port + ' opened for sessionId ' + SessionId + '.');
    console.log('Waiting for connections...');
  });
}
`;

/** Puts the stand-in into a folder for PATH. */
export function writeSessionPlugin(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'session-manager-plugin');
  writeExecutable(
    file,
    `#!/bin/sh\nexec "${process.execPath}" --input-type=module -e '${PROGRAM.replaceAll("'", "'\\''")}' -- "$@"\n`,
  );
}
