/** The HttpGet port by fetch. Redirects are followed; the body is read and thrown away. */
import type { HttpGet } from '../ops/monitoring/api';
import { messageOf } from '../ops/errors';

export const httpGet: HttpGet = {
  async get(url, timeoutMs) {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(url, { signal, headers: { 'user-agent': 'qbench-monitor' } });
      await response.arrayBuffer();
      return { status: response.status };
    } catch (error) {
      if (signal.aborted) throw new Error(`no answer within ${timeoutMs / 1000} s`, { cause: error });
      // fetch itself only says "fetch failed"; the reason is its cause.
      throw new Error(messageOf((error as Error).cause ?? error), { cause: error });
    }
  },
};
