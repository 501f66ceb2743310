/** vitest global setup: one server for all suites of a tier; `inject('server')` tells a suite where it is. */
import type { TestProject } from 'vitest/node';
import { startTestServer, type TestServer } from './server';

declare module 'vitest' {
  interface ProvidedContext {
    server: TestServer;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running = await startTestServer();
  const { host, port, socketDir, dataDir, logFile, binDir, superuserPassword } = running;
  // Only plain data reaches the workers.
  project.provide('server', { host, port, socketDir, dataDir, logFile, binDir, superuserPassword });
  return () => running.stop();
}
